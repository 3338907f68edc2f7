"""Best batch sizes against brute force."""

from itertools import product

import pytest

from telegrad.diagnostics.allocation import optimal_batch_sizes, optimal_nested_batch_sizes
from telegrad.mge.weights import check_batch_sizes, work_units


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
        (lambda: optimal_batch_sizes((1.0, 0.1), (1.0, 5.0), 5), "needs 6 or more"),
        (lambda: optimal_batch_sizes((1.0, float("nan")), (1.0, 5.0), 50), "finite"),
        (lambda: optimal_batch_sizes((1.0,), (1.0, 5.0), 50), "got 1 levels"),
        (lambda: optimal_nested_batch_sizes((0.9, 0.5), (1.0, 4.0), 50), "the last one 1"),
        (lambda: optimal_nested_batch_sizes((0.9, 1.0), (1.0, 4.0), 3), "needs 4 or more"),
    ],
)
def test_wrong_statistics_costs_and_budgets_are_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
