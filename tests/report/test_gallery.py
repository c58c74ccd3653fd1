"""Which images are shown, and what is a hit."""

import numpy as np
import pytest

from lexiclip.report.gallery import evenly_spaced, hits, judged


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
    assert hits(scores[None], labels[None]) == (1, 2)


def test_without_labels_nothing_is_marked():
    predicted, missed = judged("abcd", np.array([0, 1, 2, 3]), None)
    assert predicted == [("d", 1, ""), ("c", 2, ""), ("b", 3, "")] and missed == []
