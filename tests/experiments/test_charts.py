"""Charts: curves over the costs that all runs have, and ticks that are round."""

import re

import numpy as np
import pytest

from telegrad.experiments.charts import Curve, loss_chart, work_chart
from telegrad.experiments.plot import Axis


def test_curves_cross_the_costs_that_all_runs_have():
    curve = Curve("a", [([1, 2, 4], [0.4, 0.3, 0.2]), ([2, 8], [0.5, 0.1])])
    grid, losses = curve.on_a_grid(5)
    assert (grid[0], grid[-1]) == pytest.approx((2, 4))
    assert losses[0] == pytest.approx(np.interp(grid, [2, 4], [0.3, 0.2]))
    with pytest.raises(ValueError, match="runs from 5 on, and up to 2"):
        Curve("b", [([1, 2], [1, 1]), ([5, 6], [1, 1])]).on_a_grid()


def test_runs_without_a_common_cost_are_curves_of_their_own():
    together = Curve("a", [([1, 4], [0.4, 0.2]), ([2, 8], [0.5, 0.1])])
    assert together.drawable() == [together]
    apart = Curve("b", [([1, 2], [1, 0.5]), ([5, 6], [1, 0.5])]).drawable()
    assert [curve.name for curve in apart] == ["b, run 1", "b, run 2"]
    assert "b, run 2 ends at 0.5" in loss_chart(apart, "seconds")
    assert Curve("c", []).drawable() == Curve("d", [([0], [1])]).drawable() == []


def test_charts_have_lines_in_place_and_words_for_those_who_can_not_see_them():
    curves = [Curve("a <b>", [([1, 100], [0.4, 0.2]), ([1, 100], [0.4, 0.1])]), Curve("c", [([1, 100], [0.3, 0.3])])]  # fmt: skip
    chart = loss_chart(curves, "work units")
    assert chart == loss_chart(curves, "work units")
    assert "a &lt;b&gt; ends at 0.15; c ends at 0.3" in chart
    lines = re.findall(r'class="line s(\d)" d="M([\d.]+) ([\d.]+)L', chart)
    assert [(number, float(x)) for number, x, _ in lines] == [("0", 0.0), ("1", 0.0)]
    assert float(lines[0][2]) == 0  # the highest loss lies at the top
    assert chart.count('class="band') == 1
    negative = loss_chart([Curve("a", [([1, 2], [-0.8, -0.9])])], "seconds")
    assert "nan" not in negative


def test_work_is_stacked_by_level_to_a_common_scale():
    work = work_chart({"a": {0: 10.0, 2: 5.0}, "b": {2: 30.0}})
    assert "a: level 0 10, level 2 5 work units" in work
    assert re.findall(r'<rect x="([\d.]+)%" width="([\d.]+)%"', work)[:2] == [
        ("0.00", "33.33"),
        ("33.33", "16.67"),
    ]


@pytest.mark.parametrize("logarithmic", [False, True])
@pytest.mark.parametrize("high", [1.001, 1.1, 3, 40, 5e3, 2e6])
def test_an_axis_has_some_round_ticks_in_its_range(high, logarithmic):
    ticks = Axis(1, high, logarithmic).ticks
    assert 2 <= len(ticks) <= 6
    assert ticks == sorted(set(ticks))
    assert all(1 <= tick <= high for tick in ticks)
