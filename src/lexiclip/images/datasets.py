"""Images and their labels: what the pass scores and the evaluation compares with."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from lexiclip.errors import InputError
from lexiclip.files import read_json


class Dataset(NamedTuple):
    """N images in the order of their ids; labels (N, K) int8, 1 where the class is shown."""

    ids: list[str]
    paths: list[Path]
    labels: np.ndarray


def load_coco(
    instances: str | Path, folder: str | Path, names: tuple[str, ...], limit: int | None
) -> Dataset:
    """Image-level labels of COCO's instances JSON; the file name's stem is the id.

    A crowd annotation shows its class like any other, as in TaI-DPT's evaluation; an image without annotations is
    kept; categories outside `names` are passed over. InputError names a missing image, class or key.
    """
    content = read_json(instances)
    try:
        images = sorted(content["images"], key=lambda image: image["id"])
        name_of = {category["id"]: category["name"] for category in content["categories"]}
        shown = [
            (annotation["image_id"], name_of[annotation["category_id"]])
            for annotation in content["annotations"]
        ]
        files = {image["id"]: image["file_name"] for image in images}
    except (KeyError, TypeError) as error:
        raise InputError(f"{instances}: not COCO's instances JSON (no {error}): expected images, "
                         "annotations and categories") from None  # fmt: skip
    if missing := [name for name in names if name not in name_of.values()]:
        raise InputError(
            f"{instances}: no category {', '.join(missing)} (rename it, or list it in vocabulary.without)"
        )
    if len(files) < len(images):
        raise InputError(f"{instances}: an image id stands twice")
    kept = list(files)[:limit]
    row_of, column_of = (
        {image_id: i for i, image_id in enumerate(kept)},
        {name: k for k, name in enumerate(names)},
    )
    labels = np.zeros((len(kept), len(names)), dtype=np.int8)
    for image_id, name in shown:
        if image_id not in files:
            raise InputError(f"{instances}: an annotation names image {image_id}, which is not listed")
        if image_id in row_of and name in column_of:
            labels[row_of[image_id], column_of[name]] = 1
    paths = [Path(folder, files[image_id]) for image_id in kept]
    if absent := [path for path in paths if not path.is_file()]:
        raise InputError(
            f"{instances}: {len(absent)} images are not in {folder}, the first is {absent[0].name}"
        )
    return Dataset([path.stem for path in paths], paths, labels)
