"""Readers of images, of their labels and of what scenes are drawn from."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from tests.fuzz.reader import INSTANCES, NAMES, Reader, all_of, file_of, one_file

from lexiclip.images.datasets import load_dataset
from lexiclip.images.views import load_rgb
from lexiclip.mini.scenes import load_themes
from lexiclip.mini.sprites import load_sprites, never_shown
from lexiclip.vocabulary import of_names

ANNOTATION = """<?xml version="1.0" encoding="utf-8"?>
<annotation><folder>VOC</folder><filename>{}.jpg</filename><size><width>5</width><height>4</height></size>
<object><name>dog</name><difficult>0</difficult></object>
<object><name>cat</name><difficult>1</difficult></object></annotation>
"""
# Glyphs of 16 bits: as JSON writes others, no YAML reads them.
SPRITES = {
    "classes": {"cat": "☂⛱", "dog": "✈"}, "shared": {"⛵": ["dog", "hot dog"]},
    "named": {"sun": "☀"}, "clutter": "☁⛲",
}  # fmt: skip
PHOTOS = [file_of(f"images/{name}.jpg", b"") for name in "ab"]
ANNOTATIONS = [file_of(f"Annotations/{name}.xml", ANNOTATION.format(name)) for name in "ab"]


def labels(path: str, count: int, *writers: Callable[[Path], object]) -> Reader:
    """The reader of labels at `path`, which `writers` write, with photos beside them."""

    def use(folder: Path) -> None:
        found = load_dataset(folder / path, folder / "images", of_names(NAMES), None)
        assert found.labels is None or found.labels.shape == (len(found.paths), len(NAMES))

    return Reader(all_of(*PHOTOS, *writers), use, count, "*[!g]")  # no .jpg


def image(count: int, kind: str, mode: str = "RGB") -> Reader:
    """The reader of a photo of 12 by 9 pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    if mode == "I;16":
        made = Image.fromarray(pixels[..., 0].astype(np.uint16) * 256)
    else:
        made = Image.fromarray(pixels).convert(mode)
    stream = io.BytesIO()
    made.save(stream, kind)

    def use(folder: Path) -> None:
        assert load_rgb(folder / "photo").mode == "RGB"

    return Reader(file_of("photo", stream.getvalue()), use, count)


def use_sprites(path: Path) -> None:
    found = load_sprites(path, NAMES)
    assert found.labels.shape == (found.pixels.shape[1], len(NAMES)) == (len(found.things), len(NAMES))
    assert len(never_shown(found, NAMES)) == (~found.labels.any(0)).sum()


def use_themes(path: Path) -> None:
    for theme, classes in load_themes(path, {"cat", "dog"}).items():
        assert isinstance(theme, str) and {"cat", "dog"} >= set(classes) > set()


IMAGE_SET = file_of("ImageSets/Main/test.txt", "a\nb  1\n")
LISTS = [file_of("ImageList/TestImagelist.txt", "a.jpg\r\nb.jpg\r\n")]
LISTS += [file_of(f"TrainTestLabels/Labels_{name}_Test.txt", "0\n1\n") for name in NAMES]
THEMES = {"yard": ["dog", "dog", "cat"], "sofa": ["cat", "tree"]}
READERS = {
    "coco": labels("a.json", 900, file_of("a.json", INSTANCES)),
    "voc annotations": labels("Annotations", 750, *ANNOTATIONS),
    "voc image set": labels("ImageSets/Main/test.txt", 350, *ANNOTATIONS, IMAGE_SET),
    "nus-wide": labels(".", 350, *LISTS),
    "csv labels": labels("a.csv", 750, file_of("a.csv", "image,labels\na.jpg,dog; cat\nb.jpg,\n")),
    "png": image(100, "PNG"),
    "png of 16 bits": image(75, "PNG", "I;16"),
    "jpeg": image(125, "JPEG"),
    "jpeg in cmyk": image(75, "JPEG", "CMYK"),
    "sprites": one_file("sprites.yaml", SPRITES, use_sprites, 200),
    "themes": one_file("themes.yaml", THEMES, use_themes, 200),
}
