"""Windows against the reference's boxes, and their limits: one pixel, very wide, past the edge."""

import json

import numpy as np
import pytest
from PIL import Image

from lexiclip.errors import InputError
from lexiclip.images.windows import SHAPES, Box, crop, reflected_to, windows

RECTANGLES = SHAPES[1:]


def plain_rule(width, height, b, tall, wide, rows, columns) -> list[Box]:
    """METHOD's rule for one family of rectangles, word for word."""
    h, w = int(tall * height / b), int(wide * width / b)
    step_y, step_x = int((b - 1) * h / (rows - 1)) + 1, int((b - 1) * w / (columns - 1)) + 1
    return [
        Box(y, x, min(h, height - y), min(w, width - x))
        for y in range(0, rows * step_y, step_y)
        if y < height
        for x in range(0, columns * step_x, step_x)
        if x < width
    ]


def test_boxes_equal_the_reference(shared):
    for image in json.loads((shared / "golden" / "windows.json").read_text()):
        for expected in image["scales"]:
            size, scales = (image["width"], image["height"]), [expected["scale"]]
            squares = windows(*size, scales, ["square"])
            assert [list(box) for box in squares] == expected["square"]
            assert [list(box) for box in windows(*size, scales, RECTANGLES)] == expected["other"]
            bottom = max(box.top + box.height for box in squares) - image["height"]
            right = max(box.left + box.width for box in squares) - image["width"]
            assert [bottom, right] == expected["pad"]


@pytest.mark.parametrize(("width", "height"), [(640, 480), (375, 500), (97, 2000), (20000, 333), (61, 59)])
def test_rectangles_follow_the_rule_as_written(width, height):
    for b in (2, 3, 4):
        for shape, longer, count in (("1x2", 2, b), ("1x1.5", 1.5, 4 * b // 3)):
            wide = plain_rule(width, height, b, 1, longer, 2 * b, count)
            tall = plain_rule(width, height, b, longer, 1, count, 2 * b)
            assert windows(width, height, [b], [shape]) == wide + tall


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 3), (7, 5), (20000, 1), (640, 480), (4096, 4096)])
def test_as_many_windows_for_every_size(width, height):
    boxes = windows(width, height, (2, 3, 4), SHAPES)
    assert len(boxes) == 304
    assert len(windows(width, height, (2, 3, 4), ["square"])) == 116
    for top, left, tall, wide in boxes:
        assert 0 <= top < height and 0 <= left < width
        assert tall >= 1 and wide >= 1


def test_scales_and_shapes_only_select():
    everything = windows(300, 200, (2, 3), SHAPES)
    assert everything == windows(300, 200, [2], SHAPES) + windows(300, 200, [3], SHAPES)
    parts = [box for shape in SHAPES for box in windows(300, 200, [3], [shape])]
    assert windows(300, 200, [3], ["2x3", "1x1.5", "square", "1x2"]) == parts


@pytest.mark.parametrize(
    ("scales", "shapes"), [([1], ["square"]), ([2, 2], ["square"]), ([2], ["wide"]), ([2], [])]
)
def test_bad_settings_are_refused(scales, shapes):
    with pytest.raises(InputError, match="window s"):
        windows(64, 64, scales, shapes)


def test_crop_inside_and_reflected():
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    image = Image.fromarray(pixels)
    assert np.array_equal(crop(image, Box(1, 1, 2, 2)), [[5, 6], [9, 10]])
    # columns 2 3 | 2 1, rows 1 2 | 1: the edge itself is not repeated
    assert np.array_equal(crop(image, Box(1, 2, 3, 4)), [[6, 7, 6, 5], [10, 11, 10, 9], [6, 7, 6, 5]])


def test_reflection_longer_than_the_image():
    image = Image.fromarray(np.array([[[1, 1, 1], [2, 2, 2]]], dtype=np.uint8))
    padded = np.asarray(reflected_to(image, 6, 3))
    assert padded[..., 0].tolist() == [[1, 2, 1, 2, 1, 2]] * 3
    one = Image.new("RGB", (1, 1), (7, 8, 9))
    assert np.asarray(crop(one, Box(0, 0, 4, 5))).tolist() == [[[7, 8, 9]] * 5] * 4


def test_an_image_large_enough_is_returned_as_it_is():
    image = Image.new("RGB", (8, 8))
    assert reflected_to(image, 8, 4) is image
