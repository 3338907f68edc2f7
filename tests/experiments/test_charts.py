"""Charts: curves over the costs that all runs have, in the page's own color."""

import re

import numpy as np
import pytest

from telegrad.experiments.charts import Curve, loss_chart, work_chart


def test_curves_cross_the_costs_that_all_runs_have():
    curve = Curve("a", [([1, 2, 4], [0.4, 0.3, 0.2]), ([2, 8], [0.5, 0.1])])
    grid, losses = curve.on_a_grid(5)
    assert (grid[0], grid[-1]) == pytest.approx((2, 4))
    assert losses[0] == pytest.approx(np.interp(grid, [2, 4], [0.3, 0.2]))
    with pytest.raises(ValueError, match="runs from 5 on, and up to 2"):
        Curve("b", [([1, 2], [1, 1]), ([5, 6], [1, 1])]).on_a_grid()


def test_charts_take_the_color_of_the_page_and_are_the_same_every_time():
    curves = [Curve("a", [([1, 2], [0.4, 0.3])]), Curve("b", [([1, 2], [-0.8, -0.9])])]
    chart = loss_chart(curves, "work units")
    assert chart == loss_chart(curves, "work units")
    assert "currentColor" in chart
    assert "#010203" not in chart
    work = work_chart({"a": {0: 10.0, 2: 5.0}, "b": {2: 15.0}})
    assert "level 0" in work
    assert not set(re.findall(r'id="([^"]+)"', chart)) & set(re.findall(r'id="([^"]+)"', work))
