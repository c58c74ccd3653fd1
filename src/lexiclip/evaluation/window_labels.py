"""What each window of an image shows, by the boxes of its objects, and how well scores say so."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lexiclip.evaluation.metrics import mean_average_precision
from lexiclip.files import read_json
from lexiclip.images.windows import Box, windows
from lexiclip.scoring.window_store import read_shards

# The share of an object from which a window shows it, and that below which it does not.
MOSTLY, HARDLY = 0.7, 0.2


def window_map(
    folder: str | Path, variants: Sequence[str], labels: np.ndarray
) -> dict[str, dict[str, float]]:
    """mAP of each branch, in per cent, over all windows of scale 2 that show one object, by variant.

    `labels` (N, 1+W, K) are 1, 0 or -1, where a window shows part of an object. Such windows are left out.
    """
    views = labels[:, 1:17].reshape(-1, labels.shape[2])
    one = ((views == 1).sum(1) == 1) & (views >= 0).all(1)
    found = {}
    for variant in variants:
        shards = list(read_shards(folder, variant))
        found[variant] = {
            branch: round(100 * mean_average_precision(of_windows(shards, field)[one], views[one]), 1)
            for branch, field in (("global", "global_"), ("local", "local"))
        }
    return found


def of_windows(shards: Sequence, field: str) -> np.ndarray:
    """The scores (N·16, K) of the windows of scale 2."""
    scores = np.concatenate([getattr(shard, field)[:, 1:17] for shard in shards]).astype(np.float32)
    return scores.reshape(-1, scores.shape[2])


def labels_of_views(path: str | Path, ids: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Labels (N, 17, K) of the whole image and its windows of scale 2, by COCO's instances.json.

    1: most of an object of the class is in view; 0: hardly any of one; -1: part of one.
    """
    content = read_json(path)
    column = {category["id"]: list(names).index(category["name"]) for category in content["categories"]}
    row, views = {}, {}
    for image in content["images"]:
        width, height = image["width"], image["height"]
        row[image["id"]] = list(ids).index(Path(image["file_name"]).stem)
        views[image["id"]] = [Box(0, 0, height, width), *windows(width, height, [2], ["square"])]
    labels = np.zeros((len(ids), 17, len(names)), np.int8)
    for annotation in content["annotations"]:
        n, k = row[annotation["image_id"]], column[annotation["category_id"]]
        for view, box in enumerate(views[annotation["image_id"]]):
            share = share_inside(annotation["bbox"], box)
            if share >= MOSTLY:
                labels[n, view, k] = 1
            elif share >= HARDLY and labels[n, view, k] == 0:
                labels[n, view, k] = -1
    return labels


def share_inside(bbox: Sequence[float], box: Box) -> float:
    """The share of an object, [x, y, width, height], that lies in the box."""
    x, y, width, height = bbox
    across = min(x + width, box.left + box.width) - max(x, box.left)
    down = min(y + height, box.top + box.height) - max(y, box.top)
    return max(0, across) * max(0, down) / (width * height)
