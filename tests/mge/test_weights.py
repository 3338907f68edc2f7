from itertools import product

import numpy as np
import pytest

from telegrad.diagnostics.allocation import optimal_batch_sizes, optimal_nested_batch_sizes
from telegrad.diagnostics.gain import Allocation
from telegrad.mge.weights import (
    check_batch_sizes,
    geometric_batch_sizes,
    level_coefficients,
    nested_weights,
    work_units,
)


def test_work_units_counted_by_hand():
    # Independent: 128/64 + 64 (1/16 + 1/64) + 32 (1/4 + 1/16) + 16 (1 + 1/4) = 2 + 5 + 10 + 20.
    assert work_units((128, 64, 32, 16), "independent") == 37
    # Nested: 128/64 + 64/16 + 32/4 + 16 = 2 + 4 + 8 + 16.
    assert work_units((128, 64, 32, 16), "nested") == 30
    assert work_units((5,)) == work_units((5,), "independent") == 5
    assert work_units((8, 2), finest_cost=1 / 4) == 8 / 16 + 2 / 4


def test_a_level_with_as_many_samples_as_the_next_finer_one_costs_nothing_in_nested_form():
    assert work_units((16, 16, 16, 16)) == 16
    assert work_units((32, 8, 8)) == 32 / 16 + 8


def test_nested_weights_sum_to_zero_on_carried_draws_plus_shell_and_telescope_to_one():
    sizes, alphas = (40, 12, 5, 2), (0.6, 0.8, 0.9)
    coefficient = level_coefficients(4, alphas)
    assert coefficient == pytest.approx((0.6 * 0.8 * 0.9, 0.8 * 0.9, 0.9, 1))
    for level, (carried, shell) in enumerate(nested_weights(sizes, alphas)):
        finer = sizes[level + 1] if level < 3 else 0
        total = finer * carried + (sizes[level] - finer) * shell
        # Σ_i w_{l,i} = A_l (1 − 1) below the finest level, where it is 1: no bias for any α.
        assert total == pytest.approx(1.0 if level == 3 else 0.0)


def covariance_of(sizes_of_noise: tuple[float, ...]) -> list[list[float]]:
    """g_l = signal + noise of the coarser levels: each finer level adds independent variance."""
    levels = range(len(sizes_of_noise))
    return [[1.0 + sum(sizes_of_noise[: min(a, b) + 1]) for b in levels] for a in levels]


def test_variance_of_one_level_is_the_variance_of_a_mean():
    for form in ("nested", "independent"):
        assert Allocation(form, 0, (6,), ()).variance(np.array([[3.0]])) == pytest.approx(0.5)


def test_variance_of_the_independent_form_is_the_sum_over_corrections():
    k = covariance_of((0.5, 0.2, 0.1))
    v = [k[0][0], *(k[a][a] - 2 * k[a][a - 1] + k[a - 1][a - 1] for a in (1, 2))]
    sizes = (9, 4, 2)
    expected = sum(variance / n for variance, n in zip(v, sizes, strict=True))
    assert Allocation("independent", 0, sizes, (1, 1)).variance(np.array(k)) == pytest.approx(
        expected
    )


def test_variance_of_the_nested_form_with_optimal_coefficients_is_the_multifidelity_formula():
    k = covariance_of((0.5, 0.2, 0.1))
    finest = 2
    a = [k[finest][level] / k[level][level] for level in range(3)]
    alphas = [a[level - 1] / a[level] for level in (1, 2)]
    rho2 = [k[finest][level] ** 2 / (k[finest][finest] * k[level][level]) for level in range(3)]
    sizes = (9, 4, 2)
    gains = [rho2[0], rho2[1] - rho2[0], rho2[2] - rho2[1]]
    expected = k[finest][finest] * sum(g / n for g, n in zip(gains, sizes, strict=True))
    assert Allocation("nested", 0, sizes, tuple(alphas)).variance(np.array(k)) == pytest.approx(
        expected
    )


@pytest.mark.parametrize(
    ("variances", "costs", "budget"),
    [
        ((1.0, 0.1, 0.01), (1.0, 5.0, 20.0), 200),
        ((1.0, 0.3), (1.0, 5.0), 37),
        ((0.2, 0.2, 0.2), (1.0, 5.0, 20.0), 60),
        ((1.0, 1e-6, 0.5), (1.0, 5.0, 20.0), 90),
        ((2.0,), (4.0,), 21),
    ],
)
def test_optimal_batch_sizes_against_brute_force(variances, costs, budget):
    n = optimal_batch_sizes(variances, costs, budget)
    assert sum(samples * c for samples, c in zip(n, costs, strict=True)) <= budget

    def variance(sizes):
        return sum(v / s for v, s in zip(variances, sizes, strict=True))

    finer = [range(1, int(budget // c) + 1) for c in costs[1:]]
    best = min(
        variance((coarsest, *rest))
        for rest in product(*finer)
        if (
            coarsest := int(
                (budget - sum(s * c for s, c in zip(rest, costs[1:], strict=True))) // costs[0]
            )
        )
        >= 1
    )
    assert variance(n) <= 1.02 * best


@pytest.mark.parametrize(
    ("correlations", "budget"),
    [
        ((0.9, 0.98, 1.0), 16),
        ((0.5, 0.99, 1.0), 10),
        ((0.95, 0.95, 1.0), 12),  # the middle level adds nothing
        ((0.99, 0.9, 1.0), 12),  # the middle level is worse than the coarser one
        ((0.1, 0.2, 1.0), 8),  # no level pays
    ],
)
def test_optimal_nested_batch_sizes_against_brute_force(correlations, budget):
    costs = (1 / 16, 1 / 4, 1.0)
    n = optimal_nested_batch_sizes(correlations, costs, budget)
    check_batch_sizes(n, 3)
    assert work_units(n) <= budget

    def variance(sizes):
        """Of the used levels, those with more samples than the next finer one."""
        used = [0] if sizes[0] > sizes[1] else []
        used += [1] if sizes[1] > sizes[2] else []
        used += [2]
        before, total = 0.0, 0.0
        for level in used:
            total += (correlations[level] ** 2 - before) / sizes[level]
            before = correlations[level] ** 2
        return total

    best = min(
        variance((n0, n1, n2))
        for n2 in range(1, budget + 1)
        for n1 in range(n2, 4 * budget + 1)
        if (n0 := max(n1, int((budget - work_units((n1, n1, n2))) * 16))) < 16 * budget
        and work_units((n0, n1, n2)) <= budget
    )
    assert variance(n) <= 1.02 * best


def test_no_level_pays_means_one_level():
    assert optimal_nested_batch_sizes((0.1, 0.2, 1.0), (1 / 16, 1 / 4, 1.0), budget=8) == (8, 8, 8)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: check_batch_sizes((4, 8), 2), r"8 on level 1 but only 4 .* did you mean \(8, 4\)"),
        (lambda: check_batch_sizes((8, 4), 3), "got 2 for 3 levels"),
        (lambda: check_batch_sizes((8, 0), 2), "at least 1"),
        (lambda: check_batch_sizes((8,), 1, "mlmc"), "needs one of nested, independent"),
        (lambda: nested_weights((8, 4), (1.0, 1.0)), "needs α_1 … α_L"),
        (lambda: optimal_batch_sizes((1.0, 0.1), (1.0, 5.0), 5), "needs 6 or more"),
        (lambda: optimal_batch_sizes((1.0, float("nan")), (1.0, 5.0), 50), "finite"),
        (lambda: optimal_batch_sizes((1.0,), (1.0, 5.0), 50), "got 1 levels"),
        (lambda: optimal_nested_batch_sizes((0.9, 0.5), (1.0, 4.0), 50), "the last one 1"),
        (lambda: optimal_nested_batch_sizes((0.9, 1.0), (1.0, 4.0), 3), "needs 4 or more"),
    ],
)
def test_wrong_numbers_are_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_sizes_that_grow_towards_the_finest_level_are_allowed_in_independent_form():
    check_batch_sizes((4, 8), 2, "independent")
    assert geometric_batch_sizes(levels=3, finest=4, ratio=1) == (4, 4, 4)
