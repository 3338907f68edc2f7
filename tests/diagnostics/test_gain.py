"""Predicted variances and gains against what happens."""

import numpy as np
import pytest
import torch

from telegrad import GridHierarchy, multiscale_backward
from telegrad.diagnostics.gain import Allocation, best_allocation
from telegrad.mge.weights import work_units

GRIDS = GridHierarchy((16, 16), 3)
FORMS = ("nested", "independent")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("coefficients", ["optimal", "one"])
def test_the_predicted_variance_is_that_of_independent_steps(linear, form, coefficients):
    problem = linear(signal=0.1, noise=0.6)
    k = problem.covariance
    best = best_allocation(k, GRIDS.costs, form, coefficients, budget=6)
    grids = GRIDS.between(best.coarsest, 2)
    assert best.cost(GRIDS.costs) == work_units(best.batch_sizes, form) <= 6
    needed = sum(best.batch_sizes) if form == "independent" else best.batch_sizes[0]
    steps = 600
    draws, estimates = problem.draws(needed * steps), []
    for step in range(steps):
        problem.theta.grad = None
        batch = {name: field[step * needed : (step + 1) * needed] for name, field in draws.items()}
        multiscale_backward(
            problem.losses,
            batch,
            grids,
            best.batch_sizes,
            form=form,
            alphas=best.alphas,
            restriction=problem.restriction,
        )
        estimates.append(problem.theta.grad)
    measured = torch.stack(estimates).var(0).sum().item()
    # 600 steps in 5 dimensions: a standard error of √(2/3000) = 2.6 %.
    assert measured == pytest.approx(float(best.variance(k)), rel=0.1)
    gain = float(best.gain(k, GRIDS.costs))
    assert gain == pytest.approx(k[2, 2].item() / best.cost(GRIDS.costs) / measured, rel=0.1)


def random_covariances(number):
    """Of levels that agree less the farther they are apart."""
    generator = np.random.default_rng(0)
    for _ in range(number):
        common = generator.normal(size=12)
        steps = generator.normal(size=(4, 12)) * generator.uniform(0.02, 0.6, size=(4, 1))
        rows = common + np.cumsum(steps, axis=0)
        yield torch.from_numpy(rows @ rows.T)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("coefficients", ["optimal", "one"])
def test_no_other_allocation_gains_more(form, coefficients):
    costs, generator = (1 / 64, 1 / 16, 1 / 4, 1.0), np.random.default_rng(1)
    for k in random_covariances(12):
        best = best_allocation(k, costs, form, coefficients)
        gain = float(best.gain(k, costs))
        assert gain >= 1
        for _ in range(150):
            coarsest = int(generator.integers(4))
            sizes = np.exp(generator.normal(0, 0.3, 4 - coarsest))
            alphas = np.ones(3 - coarsest)
            if coarsest == best.coarsest:  # near the best one
                sizes = np.array(best.batch_sizes) * np.exp(generator.normal(0, 0.1, 4 - coarsest))
                alphas = np.array(best.alphas)
            if form == "nested":
                sizes = np.sort(sizes)[::-1]
            if coefficients == "optimal":
                alphas = alphas * np.exp(generator.normal(0, 0.1, 3 - coarsest))
            other = Allocation(form, coarsest, tuple(sizes / sizes[-1]), tuple(alphas))
            assert float(other.gain(k, costs)) <= gain * (1 + 1e-6)


def test_levels_that_agree_exactly_gain_the_whole_cost_and_strangers_nothing():
    costs = (1 / 16, 1 / 4, 1.0)
    alike, strangers = torch.ones(3, 3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)
    for form in FORMS:
        best = best_allocation(alike, costs, form)
        assert float(best.gain(alike, costs)) == pytest.approx(16, rel=0.01)
        alone = best_allocation(strangers, costs, form)
        assert alone.one_level and float(alone.gain(strangers, costs)) == 1
    assert best_allocation(torch.zeros_like(alike), costs).one_level


def covariance_of(sizes_of_noise):
    """g_l = signal + noise of the coarser levels: each finer level adds independent variance."""
    levels = range(len(sizes_of_noise))
    rows = [[1.0 + sum(sizes_of_noise[: min(a, b) + 1]) for b in levels] for a in levels]
    return torch.tensor(rows, dtype=torch.float64)


def test_variance_of_one_level_is_the_variance_of_a_mean():
    for form in ("nested", "independent"):
        variance = Allocation(form, 0, (6,), ()).variance(torch.tensor([[3.0]]))
        assert variance.item() == pytest.approx(0.5)


def test_variance_of_the_independent_form_is_the_sum_over_corrections():
    k = covariance_of((0.5, 0.2, 0.1))
    v = [k[0][0], *(k[a][a] - 2 * k[a][a - 1] + k[a - 1][a - 1] for a in (1, 2))]
    sizes = (9, 4, 2)
    expected = sum(variance / n for variance, n in zip(v, sizes, strict=True))
    torch.testing.assert_close(Allocation("independent", 0, sizes, (1, 1)).variance(k), expected)


def test_variance_of_the_nested_form_with_optimal_coefficients_is_the_multifidelity_formula():
    k = covariance_of((0.5, 0.2, 0.1))
    finest = 2
    a = [k[finest][level] / k[level][level] for level in range(3)]
    alphas = [(a[level - 1] / a[level]).item() for level in (1, 2)]
    rho2 = [k[finest][level] ** 2 / (k[finest][finest] * k[level][level]) for level in range(3)]
    sizes = (9, 4, 2)
    gains = [rho2[0], rho2[1] - rho2[0], rho2[2] - rho2[1]]
    expected = k[finest][finest] * sum(g / n for g, n in zip(gains, sizes, strict=True))
    allocation = Allocation("nested", 0, sizes, tuple(alphas))
    torch.testing.assert_close(allocation.variance(k), expected)


def test_of_two_forms_that_gain_the_same_it_is_the_nested_one():
    """On two levels they are the same estimator, with one sample less on the coarser level."""
    costs = (1 / 4, 1.0)
    for k in random_covariances(12):
        pair = k[-2:, -2:]
        nested, independent = (best_allocation(pair, costs, form) for form in FORMS)
        gain = float(nested.gain(pair, costs))
        assert float(independent.gain(pair, costs)) == pytest.approx(gain, rel=1e-9)
        assert best_allocation(pair, costs) == nested


def test_a_variance_that_rounding_made_negative_is_none():
    k = torch.tensor([[-1e-18, 0.0], [0.0, 1.0]], dtype=torch.float64)
    assert best_allocation(k, (1 / 4, 1.0)).one_level
