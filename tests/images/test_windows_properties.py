"""Windows of any size, scale and family: how many, where, and what a crop past the edge shows."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lexiclip.images.windows import SHAPES, crop, reflected_to, windows

SIDE, SCALE = st.integers(1, 3000), st.integers(2, 6)


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
