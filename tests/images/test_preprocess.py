"""Loading odd files, and views against CLIP's own preprocessing of each crop."""

import io

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from lexiclip.errors import InputError
from lexiclip.images.normalisation import CLIP_MEAN, CLIP_STD
from lexiclip.images.preprocess import load_rgb, view_pixels
from lexiclip.images.windows import SHAPES, Box, crop, windows


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    """Smooth noise, sharp enough to show a wrong crop."""
    small = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def reference_view(image: Image.Image, size: int) -> np.ndarray:
    """open_clip's evaluation transform up to its tensor, as uint8 (3, size, size)."""
    steps = open_clip.image_transform(size, is_train=False, mean=CLIP_MEAN, std=CLIP_STD).transforms
    pixels = steps[0](image)
    pixels = steps[1](pixels)
    return np.asarray(pixels).transpose(2, 0, 1)


def slow_views(image: Image.Image, boxes: list[Box], size: int) -> np.ndarray:
    return np.stack([reference_view(view, size) for view in [image, *(crop(image, box) for box in boxes)]])


@pytest.mark.parametrize(("width", "height"), [(160, 120), (75, 101), (64, 64), (33, 200), (5, 3), (1, 1)])
def test_views_equal_cropping_then_clip_preprocessing(width, height):
    image, boxes = photo(width, height), windows(width, height, (2, 3), SHAPES)
    views = view_pixels(image, boxes, 64)
    assert views.shape == (1 + len(boxes), 3, 64, 64) and views.dtype == torch.uint8
    assert np.array_equal(views, slow_views(image, boxes, 64))


def test_real_photos(shared):
    paths = sorted((shared / "photos" / "coco" / "images").glob("*.jpg"))[:3]
    for path in paths:
        image = load_rgb(path)
        boxes = windows(*image.size, [2], ["square"])[-2:]
        assert np.array_equal(view_pixels(image, boxes, 224), slow_views(image, boxes, 224))


def test_whole_image_alone():
    assert view_pixels(photo(30, 20), [], 16).shape == (1, 3, 16, 16)


def test_the_centre_of_a_strip():
    strip = photo(700, 10)
    difference = view_pixels(strip, [], 20)[0].numpy().astype(int) - reference_view(strip, 20)
    assert np.abs(difference).max() <= 2


def test_a_very_long_strip_stays_small():
    image = Image.new("RGB", (20000, 1), (9, 8, 7))
    views = view_pixels(image, windows(20000, 1, (2, 3, 4), SHAPES), 8)
    assert views.shape == (305, 3, 8, 8)
    assert (views == torch.tensor([9, 8, 7])[:, None, None]).all()


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "RGBA", "LA", "I;16", "I"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    grey = Image.fromarray(np.full((4, 6), 200, dtype=np.uint8))
    if mode.startswith("I"):
        image = Image.fromarray(np.full((4, 6), 200 << 8, dtype=np.uint16 if mode == "I;16" else np.int32))
    else:
        image = grey.convert("RGB").convert(mode)
    path = tmp_path / ("image.jpg" if mode == "CMYK" else "image.tiff")
    image.save(path)
    loaded = load_rgb(path)
    assert (loaded.mode, loaded.size) == ("RGB", (6, 4))
    if mode != "1":  # two levels only
        assert np.abs(np.asarray(loaded).astype(int) - 200).max() <= 4


def test_orientation_is_ignored(tmp_path):
    image, exif = photo(8, 4), Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert load_rgb(tmp_path / "turned.jpg").size == (8, 4)


def test_unreadable_files_are_named(tmp_path):
    buffer = io.BytesIO()
    photo(64, 64).save(buffer, "JPEG")
    contents = {
        "cut.jpg": buffer.getvalue()[:600],
        "empty.jpg": b"",
        "text.png": b"no image at all",
        "header.png": b"\x89PNG\r\n\x1a\n" + bytes(30),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    for name in [*contents, "missing.jpg", "."]:
        with pytest.raises(InputError, match="not a readable image") as error:
            load_rgb(tmp_path / name)
        assert str(tmp_path / name) in str(error.value) and "\n" not in str(error.value)
