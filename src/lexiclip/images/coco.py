"""MS-COCO's instances JSON in (2014 and 2017 alike), image-level labels out."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lexiclip.errors import InputError
from lexiclip.files import read_json, reading
from lexiclip.images.labels import Labels, label_rows, listed_file
from lexiclip.vocabulary import Vocabulary, bare, of_names


def read_coco(instances: str | Path, vocabulary: Vocabulary | None = None) -> Labels:
    """Image-level labels of COCO's instances JSON, by image id; without a vocabulary, of its own categories.

    A crowd annotation shows its class like any other, as in TaI-DPT's evaluation; an image without any is
    kept; categories outside the vocabulary are ignored. Ids are compared as text: 1 is "1". InputError names
    a missing class or key, what is listed twice, or what only an annotation names.
    """
    content = read_json(instances)
    with reading(instances, "expected images, annotations and categories", "not COCO's instances JSON"):
        images, categories = (sorted(content[key], key=_rank) for key in ("images", "categories"))
        ids = [id_text(image["id"]) for image in images]
        files = [listed_file(image["file_name"]) for image in images]
        vocabulary = vocabulary or of_names(category["name"] for category in categories)
        column_of = {
            id_text(category["id"]): vocabulary.columns.get(bare(category["name"])) for category in categories
        }
        listed = content["annotations"]
        shown = [
            (id_text(annotation["image_id"]), id_text(annotation["category_id"]))
            for annotation in (listed.values() if isinstance(listed, dict) else listed)
        ]
    _check_once(ids, "image id", instances)
    _check_once(files, "file", instances)
    _check_once([id_text(category["id"]) for category in categories], "category id", instances)
    if missing := [name for k, name in enumerate(vocabulary.names) if k not in column_of.values()]:
        raise InputError(
            f"{instances}: no category {', '.join(missing)} (rename it, or list it in vocabulary.without)"
        )
    columns: dict[str, set] = {image_id: set() for image_id in ids}
    for image_id, category_id in shown:
        if image_id not in columns or category_id not in column_of:
            what = f"image {image_id}" if image_id not in columns else f"category {category_id}"
            raise InputError(f"{instances}: an annotation names {what}, which is not listed")
        columns[image_id].add(column_of[category_id])
    labels = label_rows(list(columns.values()), len(vocabulary.names))
    return Labels(files, vocabulary.names, labels, ids, column_of)


def id_text(value: object) -> str:
    """An id as text: tools write 1, "1" and 1.0 for the same image."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _rank(entry: dict) -> tuple[bool, object]:
    return isinstance(entry["id"], str), entry["id"]  # ids may be numbers, texts or both


def _check_once(values: Sequence[str], kind: str, instances: str | Path) -> None:
    value, times = Counter(values).most_common(1)[0] if values else ("", 0)
    if times > 1:
        raise InputError(f"{instances}: {kind} {value} stands {times} times: list it once")
