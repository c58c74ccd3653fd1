"""The bench of views on three photos and random prompts: what is fused, and where a closer look is taken."""

from itertools import chain

import numpy as np
import pytest
import torch
import views
from tests.random_prompts import write_photos, write_project

from lexiclip.images.windows import windows
from lexiclip.predict import encode_photos, label, load_study
from lexiclip.scoring.retrieval import caption_sets
from lexiclip.scoring.window_pass import Texts, score_images


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    write_project(root)
    return load_study(root / "models/prompts")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))[:3]


def test_a_quarter_holds_the_windows_of_scale_2_whose_centres_lie_in_it():
    boxes = windows(1200, 1200, [2], ["square"])
    for quarter, rows in enumerate(views.QUARTERS):
        for row in rows:
            box = boxes[row - 1]
            centre = (box.top + box.height / 2 > 600, box.left + box.width / 2 > 600)
            assert centre == (quarter // 2 == 1, quarter % 2 == 1)
    assert sorted(chain(*views.QUARTERS)) == list(range(1, 17))
    corners = [(boxes[row - 1].top > 0, boxes[row - 1].left > 0) for row in views.FIRST[1:]]
    assert corners == [(False, False), (False, True), (True, False), (True, True)]
    assert views.rows_in([False, True, False, False]) == [0, 1, 3, 4, 7, 8, 13, 16]


def test_it_measures_times_and_draws(study, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = Texts(study.names, study.vectors, caption_sets(torch.empty(0, 32), {}))
    score_images(study.clip, [(photo.stem, photo) for photo in photos], texts, views.ALL, "scores")
    labels = np.eye(4, dtype=np.int8)[:3]
    found = views.measured(study, tmp_path / "scores", labels)
    for name, seconds in views.timed(study, photos[:1]).items():
        found[name]["seconds"] = seconds
    (tmp_path / "metrics").mkdir()
    views.draw(found)
    assert "windows chosen by a first pass" in (tmp_path / views.PICTURE).read_text()
    assert all(of["seconds"] > 0 for name, of in found.items() if not name.startswith("images"))
    assert all(5 <= of["views"] <= 17 for name, of in found.items() if "undecided" in name)
    fused = views.fused(study, tmp_path / "scores", views.GROUPS["scale 2"])["ours"]
    for photo, scores in zip(encode_photos(study, photos), fused, strict=True):
        by_name = dict(zip(*label(study, photo)[1:3], strict=True))
        assert [by_name[name] for name in study.names] == pytest.approx(scores.tolist(), abs=1e-3)
