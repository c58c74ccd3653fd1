"""Labels of images as COCO has them."""

from collections.abc import Iterable, Sequence


def instances(files: Sequence[str], names: Sequence[str], shown: Iterable[tuple[int, int]] = ()) -> dict:
    """The content of an instances JSON; `shown` are pairs of an image's place and a class's."""
    return {
        "images": [{"id": number, "file_name": file} for number, file in enumerate(files)],
        "categories": [{"id": k, "name": name} for k, name in enumerate(names)],
        "annotations": [{"image_id": image, "category_id": k} for image, k in shown],
    }
