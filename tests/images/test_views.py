"""Odd files; views against CLIP's own preprocessing of each crop, PIL's and those cut in batch alike."""

import io

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from lexiclip.errors import InputError
from lexiclip.images import views as module
from lexiclip.images.views import batched_view_pixels, bicubic_weights, image_pixels, load_rgb, view_pixels
from lexiclip.images.windows import SHAPES, crop, windows


def noise(width: int, height: int) -> Image.Image:
    """Every pixel another colour: overshoots are clipped, halves are rounded."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def reference_view(image: Image.Image, size: int) -> np.ndarray:
    """open_clip's evaluation transform up to its tensor, as uint8 (3, size, size)."""
    resize, centre, *_ = open_clip.image_transform(size, is_train=False).transforms
    return np.asarray(centre(resize(image))).transpose(2, 0, 1)


def assert_as_clip_sees_them(image: Image.Image, scales, size: int, tolerance: float) -> None:
    """PIL's views equal CLIP's preprocessing of each crop, those in batch within `tolerance` on average."""
    boxes = windows(*image.size, scales, SHAPES)
    views = view_pixels(image, boxes, size)
    in_batch = batched_view_pixels(image_pixels(image), boxes, size)
    expected = np.stack(
        [reference_view(view, size) for view in [image, *(crop(image, box) for box in boxes)]]
    )
    assert views.shape == in_batch.shape == (1 + len(boxes), 3, size, size)
    assert views.dtype == in_batch.dtype == torch.uint8
    assert np.array_equal(views, expected)
    assert (in_batch.int() - views.int()).abs().float().mean() < tolerance


@pytest.mark.parametrize(
    ("width", "height"), [(160, 120), (75, 101), (64, 64), (33, 200), (5, 3), (1, 1), (90, 1), (300, 400)]
)
def test_views_equal_cropping_then_clip_preprocessing(width, height):
    assert_as_clip_sees_them(noise(width, height), (2, 3), 32, tolerance=0.5)


def test_a_real_photo(shared_files):
    path = shared_files("photos/coco/images/*.jpg")[0]
    assert_as_clip_sees_them(load_rgb(path), (2, 3, 4), 96, tolerance=0.01)


def test_a_gpu_is_never_waited_for(monkeypatch):
    """Cutting launches kernels on a GPU and nothing else; PyTorch pretends that there is one."""
    monkeypatch.setattr(module, "bicubic_weights", bicubic_weights.__wrapped__)  # caches nothing pretended
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda values: pinned.append(values) or values)
    pinned, copies = [], []

    class Watched(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            kwargs = kwargs or {}
            if str(kwargs.get("device")) == "cuda:0" and isinstance(args[0], torch.Tensor):
                copies.append((args[0].device.type, kwargs.get("non_blocking")))
            return function(*args, **kwargs)

    boxes = windows(90, 70, (2,), ("square",))
    with FakeTensorMode(allow_non_fake_inputs=True):
        pixels = torch.empty(3, 70, 90, dtype=torch.uint8, device="cuda")
        with Watched():
            views = batched_view_pixels(pixels, boxes, 32)
    assert views.device.type == "cuda" and views.shape == (17, 3, 32, 32)
    assert len(pinned) == len(copies) == 3 and set(copies) == {("cpu", True)}


def test_a_very_long_strip_stays_small():
    image, boxes = Image.new("RGB", (20000, 1), (9, 8, 7)), windows(20000, 1, (2, 3, 4), SHAPES)
    for views in (view_pixels(image, boxes, 8), batched_view_pixels(image_pixels(image), boxes, 8)):
        assert views.shape == (305, 3, 8, 8)
        assert (views == torch.tensor([9, 8, 7])[:, None, None]).all()


@pytest.mark.parametrize(("side", "resized"), [(12, 5), (5, 12), (7, 7), (100, 3)])
def test_weights_are_those_of_pil(side, resized):
    """PIL resizes an image of floats without rounding: a unit pixel shows its weights."""
    units = Image.fromarray(np.eye(side, dtype=np.float32))
    expected = np.asarray(units.resize((resized, side), Image.Resampling.BICUBIC)).T
    found = bicubic_weights(side, resized, 0, resized, torch.device("cpu"))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_array_equal(bicubic_weights(side, resized, 1, 2, torch.device("cpu")), found[1:3])


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "RGBA", "LA", "I;16", "I"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    if mode.startswith("I"):
        image = Image.fromarray(np.full((4, 6), 200 << 8, dtype=np.uint16 if mode == "I;16" else np.int32))
    else:
        image = Image.new("RGB", (6, 4), (200, 200, 200)).convert(mode)
    path = tmp_path / ("image.jpg" if mode == "CMYK" else "image.tiff")
    image.save(path)
    loaded = load_rgb(path)
    assert (loaded.mode, loaded.size) == ("RGB", (6, 4))
    if mode != "1":  # two levels only
        assert np.abs(np.asarray(loaded).astype(int) - 200).max() <= 4


@pytest.mark.parametrize("sixteen_bits", [False, True])
def test_a_photo_is_turned_as_viewers_turn_it(tmp_path, sixteen_bits):
    photo = noise(8, 4)
    if sixteen_bits:
        photo = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) << 8)
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.save(tmp_path / "turned.png", exif=exif)
    photo.save(tmp_path / "straight.png")
    straight = load_rgb(tmp_path / "straight.png")
    turned = straight.transpose(Image.Transpose.ROTATE_270)
    np.testing.assert_array_equal(load_rgb(tmp_path / "turned.png"), turned)
    np.testing.assert_array_equal(load_rgb(tmp_path / "turned.png", exif=False), straight)


def test_what_is_transparent_lies_on_white(tmp_path):
    """Whatever colour hides there; half of a black shows as grey."""
    for mode, hidden in (("RGBA", (0, 0, 0, 0)), ("LA", (0, 0))):
        image = Image.new(mode, (2, 1), hidden)
        image.putpixel((1, 0), (*hidden[:-1], 128))
        image.save(tmp_path / "a.png")
        assert np.asarray(load_rgb(tmp_path / "a.png"))[0, :, 0].tolist() == [255, 127]


@pytest.mark.parametrize(
    ("values", "kind", "seen"),
    [
        ([0, 2000, 4095], np.uint16, [0, 125, 255]),  # 12 bits in 16
        ([0, 100, 255], np.int32, [0, 100, 255]),
        ([0.0, 0.5, 1.0], np.float32, [0, 128, 255]),
        ([-3.0, 128.0, 255.0], np.float32, [0, 128, 255]),
        ([np.nan, 0.5, 1.0, np.inf], np.float32, [0, 128, 255, 0]),
    ],
)
def test_more_than_eight_bits_are_scaled(tmp_path, values, kind, seen):
    Image.fromarray(np.array([values], dtype=kind)).save(tmp_path / "a.tiff")
    assert np.asarray(load_rgb(tmp_path / "a.tiff"))[0, :, 0].tolist() == seen


def test_unreadable_files_are_named(tmp_path):
    buffer = io.BytesIO()
    noise(64, 64).save(buffer, "JPEG")
    contents = {
        "cut.jpg": buffer.getvalue()[:600],
        "empty.jpg": b"",
        "text.png": b"no image at all",
        "header.png": b"\x89PNG\r\n\x1a\n" + bytes(30),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    for name in [*contents, "missing.jpg", "."]:
        with pytest.raises(InputError, match=r"not a readable image|cannot be read") as error:
            load_rgb(tmp_path / name)
        assert str(tmp_path / name) in str(error.value) and "\n" not in str(error.value)


def test_what_is_no_image_is_told_in_its_own_words(tmp_path):
    contents = {
        "IMG_1.jpg": (
            b"\0\0\0\x1cftypheic\0\0\0\0mif1heic",
            "a HEIC photo: convert it to JPEG, or pip install",
        ),
        "._a.jpg": (b"\0\5\26\7\0\2\0\0Mac OS X", "a hidden file and no readable image, as macOS keeps"),
        "a.jpg": (b"<html>", "not a readable image: convert it to JPEG or PNG, or leave it out"),
    }
    for name, (content, said) in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError) as error:
            load_rgb(tmp_path / name)
        assert str(error.value).startswith(f"{tmp_path / name}: {said}") and "\n" not in str(error.value)


def test_a_panorama_is_no_attack(tmp_path, monkeypatch):
    """Pillow alone refuses this one as it is opened; only the limit of ours is left."""
    assert module.MOST_PIXELS >= 20_000 * 11_000
    Image.new("1", (20_000, 11_000)).save(tmp_path / "panorama.png")
    monkeypatch.setattr(module, "MOST_PIXELS", 200_000_000)
    with pytest.raises(InputError, match="20000 by 11000 pixels, more than 200 million: make it smaller"):
        load_rgb(tmp_path / "panorama.png")
