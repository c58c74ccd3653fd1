"""Geometry of line charts: round axes around the data, corners where they belong, few points."""

import pytest

from lexiclip.report.charts import BOTTOM, LEFT, MOST_POINTS, RIGHT, TOP, line_chart, thinned


def test_ends_of_the_axes_lie_in_the_corners():
    chart = line_chart({"a": ([0, 50, 100], [0, 5, 10])}, "x", "y", {"a": 4}, width=200, height=100)
    (line,) = chart.lines
    points = [tuple(map(float, point.split(","))) for point in line.points.split()]
    left, right, top, bottom = LEFT, 200 - RIGHT, TOP, 100 - BOTTOM
    assert points == [(left, bottom), ((left + right) / 2, (top + bottom) / 2), (right, top)]
    assert chart.x_ticks[0] == (left, "0") and chart.x_ticks[-1] == (right, "100")
    assert chart.y_ticks[0] == (bottom, "0") and chart.y_ticks[-1] == (top, "10")
    assert (line.name, line.look) == ("a", 4)


@pytest.mark.parametrize("xs", [[3], [3, 3]])
def test_one_value_lies_inside_the_axes(xs):
    chart = line_chart({"a": (xs, [7] * len(xs))}, "x", "y", {"a": 0})
    x, y = map(float, chart.lines[0].points.split()[0].split(","))
    assert LEFT < x < chart.width - RIGHT and TOP < y < chart.height - BOTTOM


def test_long_lines_are_averaged_in_groups():
    assert thinned([1, 2, 3], [4, 5, 6]) == [(1, 4), (2, 5), (3, 6)]
    count = 3 * MOST_POINTS - 2
    points = thinned(list(range(count)), [i % 3 for i in range(count)])
    assert len(points) == MOST_POINTS
    assert points[:2] == [(1, 1), (4, 1)] and points[-1] == (count - 1, 0), "the last group may be shorter"
