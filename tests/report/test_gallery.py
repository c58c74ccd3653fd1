"""Which images are shown, and what is a hit."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from lexiclip.heatmap import LONG_SIDE, small
from lexiclip.report.gallery import evenly_spaced, judged, precision
from lexiclip.report.pictures import photo_uri


@pytest.mark.parametrize(
    ("count", "wanted", "places"),
    [(600, 4, [0, 150, 300, 450]), (10, 4, [0, 2, 5, 7]), (3, 12, [0, 1, 2]), (1, 12, [0])],
)
def test_places_at_equal_distances(count, wanted, places):
    assert evenly_spaced(count, wanted) == places


def test_hits_false_alarms_unjudged_and_missed():
    scores, labels = np.array([0.1, 0.9, 0.8, 0.7, 0.2]), np.array([1, 1, 0, -1, 0])
    predicted, missed = judged("abcde", scores, labels)
    assert predicted == [("b", 1, "hit"), ("c", 2, "false"), ("d", 3, "unjudged")]
    assert missed == [("a", 5, "missed")]
    assert precision(scores[None], labels[None]) == (1, 2)


def test_equal_scores_are_predicted_in_class_order():
    predicted, missed = judged("abcd", np.zeros(4), np.array([0, 0, 0, 1]))
    assert [label.name for label in predicted] == ["a", "b", "c"] and missed == [("d", 4, "missed")]


def test_without_labels_nothing_is_marked():
    predicted, missed = judged("abcd", np.array([0, 1, 2, 3]), None)
    assert predicted == [("d", 1, ""), ("c", 2, ""), ("b", 3, "")] and missed == []


def test_pictures_are_jpegs_and_the_same_each_time():
    noise = np.random.default_rng(0).integers(0, 255, (700, 1000, 3), dtype=np.uint8)
    photo = small(Image.fromarray(noise))
    assert photo.size == (LONG_SIDE, 224) and small(Image.new("RGB", (5, 3))).size == (5, 3)
    assert photo_uri(photo) == photo_uri(photo.copy())
    kind, data = photo_uri(photo).split(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == photo.size
