"""What the determinism report says of two repositories, made by hand."""

import json

import yaml
from determinism import compare


def repository(root, md5, best):
    outs = {
        "train": [{"path": "a", "md5": "1"}, {"path": "b", "md5": md5}],
        "clip": [{"path": "c", "md5": md5}],
    }
    root.mkdir()
    lock = {"stages": {name: {"outs": of_stage} for name, of_stage in outs.items()}}
    (root / "dvc.lock").write_text(yaml.safe_dump(lock))
    (root / "metrics").mkdir()
    metrics = {"best": {"whole": {"mAP": best, "CF1": best}, "windows": {"mAP": 7.5}}}
    (root / "metrics/metrics.json").write_text(json.dumps(metrics))
    return root


def test_what_differs_and_how_far(tmp_path):
    committed, again = repository(tmp_path / "a", "2", 50.0), repository(tmp_path / "b", "3", 48.5)
    assert compare(committed, again, ["train"]) == {
        "stages": 1,
        "outputs": 2,
        "differing": ["b"],
        "mAP moved by": {"best.whole.mAP": -1.5},
    }
    assert compare(committed, committed, ["train"])["differing"] == []
