"""Windows against the reference's boxes; of any size, scale and family; what a crop past the edge shows."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lexiclip.errors import InputError
from lexiclip.images.windows import SHAPES, Box, crop, reflected_to, windows

RECTANGLES = SHAPES[1:]
SIDE, SCALE = st.integers(1, 3000), st.integers(2, 6)


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


def test_boxes_equal_the_reference(shared_files):
    (path,) = shared_files("golden/windows.json")
    for image in json.loads(path.read_text()):
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


@given(SIDE, SIDE, SCALE)
def test_squares_are_as_many_as_said_and_leave_no_gap(width, height, b):
    boxes = windows(width, height, [b], ["square"])
    assert len(boxes) == 4 * b * b
    assert {box[2:] for box in boxes} == {(max(1, height // b), max(1, width // b))}
    for side, length, starts in (
        (height, max(1, height // b), sorted({box.top for box in boxes})),
        (width, max(1, width // b), sorted({box.left for box in boxes})),
    ):
        assert starts[0] == 0 and starts[-1] < side
        assert all(after - before <= length for before, after in pairwise(starts))
        # METHOD's stride may leave the last b - 2 pixels unseen: one of 3, two of 4 parts.
        assert starts[-1] + length >= side - (b - 2)


@given(SIDE, SIDE, SCALE, st.sets(st.sampled_from(SHAPES), min_size=1))
def test_every_window_is_on_the_canvas_and_rectangles_inside_the_image(width, height, b, shapes):
    squares = windows(width, height, [b], ["square"]) if "square" in shapes else []
    boxes = windows(width, height, [b], tuple(shapes))
    for box in boxes:
        assert box.height >= 1 and box.width >= 1 and 0 <= box.top < height and 0 <= box.left < width
    for box in boxes[len(squares) :]:
        assert box.top + box.height <= height and box.left + box.width <= width


@given(SIDE, SIDE, SCALE, st.sampled_from(SHAPES))
def test_a_photo_on_its_side_has_the_same_windows_on_their_sides(width, height, b, shape):
    turned = [(left, top, wide, tall) for top, left, tall, wide in windows(width, height, [b], [shape])]
    assert sorted(turned) == sorted(map(tuple, windows(height, width, [b], [shape])))


@given(st.integers(1, 30), st.integers(1, 30), SCALE, st.integers(0, 2**32 - 1))
def test_a_crop_shows_the_reflected_photo(width, height, b, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    boxes = windows(width, height, [b], SHAPES)
    right = max(box.left + box.width for box in boxes)
    bottom = max(box.top + box.height for box in boxes)
    canvas = np.pad(
        pixels, ((0, max(0, bottom - height)), (0, max(0, right - width)), (0, 0)), mode="reflect"
    )
    assert np.array_equal(np.asarray(reflected_to(image, right, bottom)), canvas)
    for box in (boxes[seed % len(boxes)], max(boxes)):
        top, left, tall, wide = box
        assert np.array_equal(np.asarray(crop(image, box)), canvas[top : top + tall, left : left + wide])
