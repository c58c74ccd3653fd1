"""What windows show, worked by hand."""

import numpy as np

from lexiclip.evaluation.window_labels import labels_of_views, window_map
from lexiclip.files import write_json
from lexiclip.scoring.window_store import shard_path, write_shard


def test_labels_and_map(tmp_path):
    """One cat in the top left corner: the first window shows it, others in part or not at all."""
    write_json(tmp_path / "instances.json", {
        "images": [{"id": 0, "file_name": "000.png", "width": 320, "height": 240}],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [{"image_id": 0, "category_id": 1, "bbox": [2, 2, 60, 60]}],
    })  # fmt: skip
    labels = labels_of_views(tmp_path / "instances.json", ["000"], ["dog", "cat"])
    assert labels.shape == (1, 17, 2) and labels[0, :2, 1].tolist() == [1, 1]
    assert not labels[0, :, 0].any() and labels[0, 16, 1] == 0 and -1 in labels[0, :, 1]
    settings = {"names": ["dog", "cat"], "variants": ["v"], "scales": [2], "shapes": ["square"]}
    write_json(tmp_path / "index.json", {**settings, "shards": [["000"]]})
    scores = np.zeros((1, 17, 2), np.float16)
    scores[0, 1, 1] = 1
    write_shard(
        shard_path(tmp_path, 0), {"v.global": scores, "v.local": -scores}, {**settings, "ids": ["000"]}
    )
    assert window_map(tmp_path, ["v"], labels)["v"]["global"] == 100
