"""What each window of a drawn scene shows, and how well scores say so: is tuning lost where windows join?"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lexiclip.evaluation.metrics import mean_average_precision
from lexiclip.files import read_json
from lexiclip.images.windows import Box, windows
from lexiclip.mini.scenes import HEIGHT, WIDTH
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
    """Labels (N, 17, K) of views of drawn scenes, by their instances.json: 1 shown, 0 not, -1 in part."""
    content = read_json(path)
    column = {category["id"]: list(names).index(category["name"]) for category in content["categories"]}
    row = {image["id"]: list(ids).index(Path(image["file_name"]).stem) for image in content["images"]}
    boxes = [Box(0, 0, HEIGHT, WIDTH), *windows(WIDTH, HEIGHT, [2], ["square"])]
    labels = np.zeros((len(ids), len(boxes), len(names)), np.int8)
    for annotation in content["annotations"]:
        n, k = row[annotation["image_id"]], column[annotation["category_id"]]
        for view, box in enumerate(boxes):
            share = shown(annotation["bbox"], box)
            if share >= MOSTLY:
                labels[n, view, k] = 1
            elif share >= HARDLY and labels[n, view, k] == 0:
                labels[n, view, k] = -1
    return labels


def shown(bbox: Sequence[float], box: Box) -> float:
    """The share of an object, [x, y, width, height], that lies in the box."""
    x, y, width, height = bbox
    across = min(x + width, box.left + box.width) - max(x, box.left)
    down = min(y + height, box.top + box.height) - max(y, box.top)
    return max(0, across) * max(0, down) / (width * height)
