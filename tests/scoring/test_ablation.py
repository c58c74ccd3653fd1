"""Which stored views the ablation keeps for fewer scales and shapes."""

import pytest

from lexiclip.images.windows import SHAPES, windows
from lexiclip.scoring.ablation import view_rows


@pytest.mark.parametrize("stored", [((2, 3, 4), SHAPES), ((3, 2), ("2x3", "square"))])
@pytest.mark.parametrize(("scales", "shapes"), [([2], SHAPES), ([2, 3], ["square"]), ([3], ["1x2", "2x3"])])
def test_the_same_boxes_as_fewer_windows(stored, scales, shapes):
    boxes = [None, *windows(640, 480, *stored)]
    rows = view_rows(*stored, scales, shapes)
    kept = [scale for scale in stored[0] if scale in scales], [s for s in shapes if s in stored[1]]
    assert [boxes[row] for row in rows] == [None, *(windows(640, 480, *kept) if kept[1] else [])]
