"""Means over seeds and tests of their differences: Student's, Welch's, Holm's."""

import math

import pytest
from scipy import stats

from telegrad.experiments.significance import Mean, holm, in_words, p_values, with_error


def test_means_and_intervals_are_students():
    losses = (0.30, 0.32, 0.31)
    mean = Mean.of(losses)
    error = stats.sem(losses) * stats.t.ppf(0.975, 2)
    assert mean.mean == pytest.approx(0.31)
    assert (mean.low, mean.high) == pytest.approx((0.31 - error, 0.31 + error))
    assert Mean.of([0.1]) == Mean(0.1, None, None)
    assert Mean.of([2.0, 4.0]) == Mean(3.0, None, None)
    assert Mean.of([2.0, 2.0, 2.0]) == Mean(2.0, 2.0, 2.0)
    assert Mean.of([]) is Mean.of([1.0, math.nan]) is None


def test_the_same_seeds_are_tested_in_pairs_and_others_are_not():
    best, other = (0.21, 0.24, 0.22), (0.22, 0.23, 0.23)
    (paired,) = p_values([best, other], [[0, 1, 2], [0, 1, 2]])
    assert paired == pytest.approx(stats.ttest_rel(best, other).pvalue)
    (unpaired,) = p_values([best, other], [[0, 1, 2], [3, 4, 5]])
    assert unpaired == pytest.approx(stats.ttest_ind(best, other, equal_var=False).pvalue)


def test_equal_differences_are_certain_and_single_seeds_are_not_tested():
    seeds = [[0, 1]] * 3
    assert p_values([(0.25, 0.5), (0.25, 0.5), (0.5, 0.75)], seeds) == [1.0, 0.0]
    assert p_values([(0.1, 0.2), (0.3,)], [[0, 1], [0]]) == [None]
    assert p_values([(0.1, 0.2), (0.3, math.inf)], [[0, 1], [0, 1]]) == [None]


def test_holms_correction_never_falls_and_never_exceeds_one():
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.01, 0.011, 0.012]) == pytest.approx([0.03, 0.03, 0.03])
    assert holm([None, 0.02]) == [None, 0.02]


def test_nothing_is_said_that_was_not_tested():
    assert in_words(None, best=True) == "best"
    assert in_words(None, best=False).startswith("not tested")
    assert in_words(0.049, best=False) == "worse (p = 0.049)"
    assert in_words(0.05, best=False) == "not told apart from the best (p = 0.05)"


def test_a_mean_shows_half_the_width_of_its_interval():
    assert with_error(Mean(0.25, 0.2, 0.3), ".4g") == "0.25 ± 0.05"
    assert with_error(Mean(25.123, 24.0, 26.246), ".2f") == "25.12 ± 1.12"
    assert with_error(Mean(1234.0, 1000.0, 1468.0), ",.0f", error=False) == "1,234"
    assert with_error(Mean(0.25, None, None), ".4g") == "0.25"
    assert with_error(None, ".4g") == "–"
