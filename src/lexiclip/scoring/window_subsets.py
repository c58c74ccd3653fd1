"""Which stored views belong to which scales and shapes: fewer windows are tried without scoring again."""

from collections.abc import Sequence

from lexiclip.images.windows import SHAPES, windows


def view_rows(
    stored_scales: Sequence[int], stored_shapes: Sequence[str], scales: Sequence[int], shapes: Sequence[str]
) -> list[int]:
    """Rows of the whole image and the windows of `scales` and `shapes`, among the views of what was stored.

    The order is that of `windows`; what was not stored is not there.
    """
    rows, start = [0], 1
    for scale in stored_scales:
        for shape in [shape for shape in SHAPES if shape in stored_shapes]:
            count = len(windows(64, 64, [scale], [shape]))  # the same for every image
            if scale in scales and shape in shapes:
                rows += range(start, start + count)
            start += count
    return rows
