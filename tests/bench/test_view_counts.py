"""The bench of views on three photos and random prompts: what is fused, and where a closer look is taken."""

import numpy as np
import pytest
import torch
import views
from tests.random_prompts import write_photos, write_project

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
