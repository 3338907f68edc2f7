"""What a comparison will take, said before it starts."""

import pytest

from telegrad.experiments.estimate import Estimate, estimate
from telegrad.experiments.workers import Workers


def test_budgets_of_time_are_added_up_and_divided_among_those_at_work(tmp_path, small):
    four = small(budget="2min")
    assert estimate(four, tmp_path, Workers(parallel=1)).seconds == pytest.approx(4 * 123)
    assert estimate(four, tmp_path, Workers(parallel=2)).seconds == pytest.approx(2 * 123)
    tuned = small(budget="2min", learning_rates=[1e-3, 2e-3])
    made = estimate(tuned, tmp_path, Workers(parallel=1, threads=1))
    assert made.runs == made.open_runs == 2 * (2 + 1)  # both rates with the first seed


def test_work_is_timed_in_proportion(tmp_path, small):
    once, ten_times = (
        estimate(small(budget=budget, seeds=[0]), tmp_path, Workers(parallel=1, threads=1))
        for budget in ("3000wu", "300000wu")
    )
    assert ten_times.seconds > 5 * once.seconds > 0


def test_it_is_said_in_words():
    assert str(Estimate(15, 15, 2, 1, 700.0)) == (
        "15 runs, 2 at a time with 1 thread each: about 12 minutes."
    )
    assert str(Estimate(15, 1, 2, 4, None)) == (
        "15 runs, 14 of them finished, 1 at a time with 4 threads each."
    )
    assert str(Estimate(2, 0, 2, 1, None)).endswith("nothing is left to be made.")
