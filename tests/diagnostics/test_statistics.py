"""Statistics of the levels against closed forms, and predictions against what happens."""

import json
import math
from itertools import count, pairwise

import numpy as np
import pytest
import torch
from torch import nn

from telegrad import (
    CoupledDropout,
    GridHierarchy,
    level_statistics,
    multiscale_backward,
    restrict,
)
from telegrad.diagnostics.gain import Allocation, best_allocation
from telegrad.diagnostics.gradients import Sketch
from telegrad.mge.weights import work_units

GRIDS = GridHierarchy((16, 16), 3)
FORMS = ("nested", "independent")


class Linear:
    """loss(ω) = ⟨θ, g_l(ω)⟩, so that g_l(ω) is the gradient. The mean of an image is the same on
    all levels, that of white noise doubles with each: g_l = s + 2^(L − l) ζ."""

    def __init__(self, signal=0.3, noise=1.0, mean=0.2):
        self.theta = torch.zeros(5, requires_grad=True)
        self.signal, self.noise, self.mean = signal, noise, mean
        self.restriction = {"image": "averaging", "noise": "white_noise"}

    def draws(self, n, seed=0):
        generator = torch.Generator().manual_seed(seed)
        s = self.mean + self.signal * torch.randn(n, 5, 1, 1, generator=generator)
        noise = torch.randn(n, 5, 16, 16, generator=generator)
        return {"image": s.expand(n, 5, 16, 16).contiguous(), "noise": noise}

    def losses(self, batch):
        g = batch["image"].mean((2, 3)) + self.noise * batch["noise"].mean((2, 3))
        return (g * self.theta).sum(1)

    def statistics(self, n=64, **options):
        options = {"restriction": self.restriction, "timing": 0} | options
        return level_statistics(self.losses, self.draws(n), GRIDS, [self.theta], **options)

    @property
    def covariance(self):
        tau = self.noise**2 / 256
        return np.array(
            [[5 * (self.signal**2 + 2 ** (4 - a - b) * tau) for b in range(3)] for a in range(3)]
        )


class Given(nn.Module):
    """Gradients as given: row i of `levels[l]` is the gradient of draw i on level l."""

    def __init__(self, parameters):
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(parameters))

    def losses(self, batch):
        level = int(math.log2(batch["image"].shape[-1])) - 1
        return (batch[f"level {level}"] * self.theta).sum(1)

    def statistics(self, levels, **options):
        n, side = len(levels[0]), 2 ** len(levels)
        batch = {f"level {k}": rows for k, rows in enumerate(levels)}
        batch["image"] = torch.zeros(n, 1, side, side)
        grids = GridHierarchy((side, side), len(levels))
        options = {"timing": 0} | options
        return level_statistics(self.losses, batch, grids, self.parameters(), **options)


def test_statistics_are_those_of_the_closed_form():
    problem = Linear()
    statistics, k = problem.statistics(n=1500, resamples=9), problem.covariance
    assert np.array(statistics.covariance) == pytest.approx(k, rel=0.08)
    assert statistics.correlation == pytest.approx(
        [k[2, a] / math.sqrt(k[2, 2] * k[a, a]) for a in range(3)], abs=0.01
    )
    assert statistics.alphas == pytest.approx(
        [k[a, a - 1] / k[a - 1, a - 1] for a in (1, 2)], abs=0.03
    )
    # All means are E s, 0.2 in five places: no bias, and the levels agree.
    assert np.array(statistics.mean_products) == pytest.approx(np.full((3, 3), 0.2), rel=0.15)
    assert statistics.squared_bias == pytest.approx([0, 0, 0], abs=0.003)
    assert statistics.cosine == pytest.approx([1, 1, 1], abs=0.02)
    # A normal vector in d dimensions has the kurtosis 1 + 2/d.
    assert statistics.kurtosis == pytest.approx([1.4] * 3, abs=0.1)
    # V_l = 5 (2^(L − l))² τ² is a quarter at each finer level: β = 2; work: γ = 2.
    assert statistics.rates["beta"] == pytest.approx(2, abs=0.1)
    assert statistics.rates["gamma"] == pytest.approx(2)


def test_statistics_are_those_of_the_gradients_of_each_draw_alone():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 3, 3, padding=1))
    images = torch.rand(9, 3, 16, 16)

    def losses(x):
        return (network(x) - x).square().mean((1, 2, 3))

    statistics = level_statistics(losses, images, GRIDS, network.parameters(), timing=0)
    levels, x = [], images
    for _ in range(3):
        rows = [
            torch.autograd.grad(loss, network.parameters(), retain_graph=True) for loss in losses(x)
        ]
        levels.insert(
            0, torch.stack([torch.cat([g.flatten() for g in row]) for row in rows]).double()
        )
        x = restrict(x)
    means, (g0, g1, g2) = [g.mean(0) for g in levels], levels
    assert statistics.variance == pytest.approx([g.var(0).sum().item() for g in levels], rel=1e-4)
    assert statistics.correction_variance() == pytest.approx(
        [x.var(0).sum().item() for x in (g0, g1 - g0, g2 - g1)], rel=1e-4
    )
    a = statistics.alphas
    assert statistics.correction_variance(a)[2] == pytest.approx(
        (g2 - a[1] * g1).var(0).sum().item(), rel=1e-4
    )
    for nearby in (0.99, 1.01):
        assert (g2 - nearby * a[1] * g1).var(0).sum() > (g2 - a[1] * g1).var(0).sum()
    # ⟨ḡ_0, ḡ_2⟩ is the unbiased product, plus what each draw has with itself.
    biased = statistics.mean_products[0][2] + statistics.covariance[0][2] / 9
    assert biased == pytest.approx((means[0] @ means[2]).item(), rel=1e-4)
    x = g1 - g0 - (g1 - g0).mean(0)
    squares = x.square().sum(1)
    assert statistics.kurtosis[1] == pytest.approx(
        (squares.square().mean() / squares.mean() ** 2).item(), rel=1e-3
    )
    # A mean, of one draw, serves as well.
    again = level_statistics(
        lambda x: losses(x).mean(), images, GRIDS, network.parameters(), timing=0
    )
    assert again.covariance == statistics.covariance


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("coefficients", ["optimal", "one"])
def test_the_predicted_variance_is_that_of_independent_steps(form, coefficients):
    problem = Linear(signal=0.1, noise=0.6)
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
    assert gain == pytest.approx(k[2, 2] / best.cost(GRIDS.costs) / measured, rel=0.1)


def random_covariances(number):
    """Of levels that agree less the farther they are apart."""
    generator = np.random.default_rng(0)
    for _ in range(number):
        common = generator.normal(size=12)
        steps = generator.normal(size=(4, 12)) * generator.uniform(0.02, 0.6, size=(4, 1))
        rows = common + np.cumsum(steps, axis=0)
        yield rows @ rows.T


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
    for form in FORMS:
        best = best_allocation(np.ones((3, 3)), costs, form)
        assert float(best.gain(np.ones((3, 3)), costs)) == pytest.approx(16, rel=0.01)
        alone = best_allocation(np.eye(3), costs, form)
        assert alone.one_level and float(alone.gain(np.eye(3), costs)) == 1
    assert best_allocation(np.zeros((3, 3)), costs).one_level


def test_progress_is_work_times_variance_at_equal_decrease():
    """Level 0 has 0.5 of the finest mean gradient and 4 times its variance, at 1/4 of the cost."""
    torch.manual_seed(0)
    mean, n = torch.tensor([3.0, 4.0, 0.0, 0.0]), 1500
    fine, coarse = torch.randn(n, 4), 2 * torch.randn(n, 4)
    statistics = Given(4).statistics([mean / 2 + coarse, mean + fine], resamples=9)
    assert statistics.noise_scale == pytest.approx([16 / 6.25, 4 / 25], rel=0.1)
    assert statistics.progress(0).value == pytest.approx(0.5**2 * 4 / 4, rel=0.1)
    backwards = Given(4).statistics([-mean / 2 + coarse, mean + fine], resamples=9)
    assert backwards.progress(0).value == pytest.approx(-0.25, rel=0.1)
    same = Given(4).statistics([mean + fine, mean + fine], resamples=9)
    assert same.progress(0) == pytest.approx((4, 4, 4))
    assert same.cosine == pytest.approx((1, 1))


def test_the_interval_holds_the_true_gain_about_as_often_as_it_says():
    generator = torch.Generator().manual_seed(0)
    a, b, n, runs = 0.4, 0.3, 48, 120
    given, held = Given(12), 0
    k = 12 * np.array([[1 + a * a, 1.0], [1.0, 1 + b * b]])
    for run in range(runs):
        common, x, y = torch.randn(3, n, 12, generator=generator)
        statistics = given.statistics([common + a * x, common + b * y], resamples=200, seed=run)
        best = statistics.allocation("nested")
        gain = statistics.gain(best)
        assert gain.low <= gain.value <= gain.high
        held += gain.low <= float(best.gain(k, statistics.work_units)) <= gain.high
    assert 0.86 <= held / runs <= 0.995


def test_a_sketch_is_linear_and_keeps_inner_products():
    torch.manual_seed(0)
    shapes = [(300, 400), (80_000,)]
    tensors = [[torch.randn(shape) for shape in shapes] for _ in range(6)]
    sketch = Sketch(tensors[0], seed=3)
    rows = torch.stack([sketch(gradient) for gradient in tensors])
    whole = torch.stack([torch.cat([t.flatten() for t in gradient]) for gradient in tensors])
    assert rows.shape == (6, 2**14)
    norms = whole.norm(dim=1)
    error = (rows @ rows.T - whole @ whole.T) / norms[:, None] / norms
    assert error.abs().max() < 4 * math.sqrt(2 / 2**14)
    difference = [x - 0.7 * y for x, y in zip(tensors[0], tensors[1], strict=True)]
    assert torch.allclose(sketch(difference), rows[0] - 0.7 * rows[1], atol=1e-3)
    assert torch.equal(sketch([None, None]), torch.zeros(2**14))
    small = Sketch([torch.zeros(2, 3), torch.zeros(4)])
    assert torch.equal(small([torch.ones(2, 3), None]), torch.tensor([1.0] * 6 + [0.0] * 4))


def test_a_network_beyond_the_exact_size_has_the_same_statistics_within_the_sketch():
    torch.manual_seed(0)
    common, x = torch.randn(2, 24, 70_000)
    exact = torch.stack([common, common + 0.3 * x])
    statistics = Given(70_000).statistics(list(exact))
    assert statistics.variance == pytest.approx([g.var(0).sum().item() for g in exact], rel=0.03)
    assert statistics.correction_variance()[1] == pytest.approx(
        (0.3 * x).var(0).sum().item(), rel=0.03
    )


def test_own_draws_are_consistent_exactly_if_they_follow_the_rule():
    torch.manual_seed(0)
    theta = torch.ones(3, requires_grad=True)

    def losses(x):
        return (theta * x.square().mean((2, 3))).sum(1)

    def images():
        return 0.2 * torch.rand(48, 3, 1, 1) + 0.3 * torch.randn(48, 3, 16, 16)

    def own(rule):
        middle = restrict(images(), rule)
        return [restrict(restrict(images(), rule), rule), middle, None]

    said = {}
    for rule in ("averaging", "injection"):
        statistics = level_statistics(losses, images(), GRIDS, [theta], own=own(rule), timing=0)
        said[rule] = statistics.consistency
        assert statistics.inconsistent == (() if rule == "averaging" else (0, 1))
        assert ("does not hold" in statistics.advice) is (rule == "injection")
    assert max(said["averaging"][:2]) <= 1 < min(said["injection"][:2])
    assert said["averaging"][2] is None


def test_dropout_is_coupled_and_nothing_is_touched():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 16, 1), CoupledDropout(0.5), nn.Conv2d(16, 1, 1))
    network[0].weight.grad = torch.full_like(network[0].weight, 7.0)
    images = torch.rand(12, 1, 1, 1).expand(12, 1, 16, 16).contiguous()
    parameters = [p.clone() for p in network.parameters()]
    before = torch.get_rng_state()

    def measure():
        def losses(x):
            return (network(x) - 1).square().mean((1, 2, 3))

        return level_statistics(losses, images, GRIDS, network.parameters(), timing=1)

    first = measure()
    assert torch.equal(torch.get_rng_state(), before)
    assert network.training
    assert network[0].weight.grad.eq(7).all() and network[2].weight.grad is None
    assert all(torch.equal(p, q) for p, q in zip(network.parameters(), parameters, strict=True))
    # Constant images pose the same problem on every level: only dropout could tell them apart.
    assert max(first.correction_variance()[1:]) < 1e-9 * first.variance[0]
    assert first.separable
    assert measure().covariance == first.covariance
    with torch.no_grad():
        assert measure().covariance == first.covariance

    network[1] = nn.Dropout(0.5)
    fresh = measure()
    assert fresh.correction_variance()[1] > 0.1 * fresh.variance[1]
    assert not fresh.separable
    assert "CoupledDropout" in str(fresh)


def test_losses_that_mix_samples_are_noticed():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3))
    statistics = level_statistics(
        lambda x: (network(x) - x).square().mean((1, 2, 3)),
        torch.rand(8, 3, 16, 16) * torch.rand(8, 1, 1, 1),
        GRIDS,
        network.parameters(),
        timing=0,
    )
    assert not statistics.separable
    assert "batch normalization" in str(statistics)


def test_levels_are_timed_by_the_clock():
    ticks = count()
    statistics = Linear().statistics(n=10, timing=3, clock=lambda: float(next(ticks)))
    assert statistics.seconds == pytest.approx((0.1, 0.1, 0.1))
    assert statistics.rates["gamma"] == pytest.approx(0, abs=1e-9)
    # At equal seconds a coarse sample is no cheaper: nothing is gained by it.
    assert statistics.gain(statistics.allocation(unit="seconds"), "seconds").value == pytest.approx(
        1
    )
    with pytest.raises(ValueError, match="no seconds were measured"):
        Linear().statistics(n=10).costs("seconds")


def test_it_prints_itself_and_is_plain_data():
    statistics = Linear(mean=0.01, signal=0.5, noise=0.5).statistics(n=64, budget=12)
    text = str(statistics)
    lines = text.splitlines()
    assert lines[0] == "LevelStatistics: 64 draws on 3 levels, 5 parameters"
    assert [line.split()[:2] for line in lines[2:5]] == [["2", "16×16"], ["1", "8×8"], ["0", "4×4"]]
    assert len({len(line) for line in lines[1:5]}) == 1
    assert lines[-1].startswith("Advice: ")
    plain = json.loads(json.dumps(statistics.to_dict(), allow_nan=False))
    assert plain["covariance"] == [list(row) for row in statistics.covariance]
    assert plain["advice"] == statistics.advice
    sizes = plain["batch_sizes"]["batch_sizes"]
    assert all(a >= b for a, b in pairwise(sizes)) and all(n == int(n) for n in sizes)


def test_advice():
    torch.manual_seed(0)
    given, n = Given(40), 48
    mean, common, x, y = torch.full((40,), 0.3), *torch.randn(3, n, 40)
    coarse_first = given.statistics([mean + common + 0.1 * x, mean + common])
    assert coarse_first.advice.startswith("Train on level 0 first: ")
    # The coarse mean gradient leads elsewhere, but its noise is the fine one's.
    coupled = given.statistics([common + 0.1 * x, mean + common])
    assert coupled.advice.startswith("Use ") and "less work for the same variance" in coupled.advice
    strangers = given.statistics([x, mean + y])
    assert "does not pay here" in strangers.advice
    one_level = given.statistics([mean + common])
    assert one_level.gain(one_level.allocation()) == (1, 1, 1)
    assert "one level" in one_level.advice
    noise = given.statistics([x, y - y.mean(0)])
    assert "don't tell the finest mean gradient from 0" in str(noise)
    json.dumps(noise.to_dict(), allow_nan=False)


def test_few_or_wild_draws_are_not_trusted():
    few = Linear().statistics(n=5)
    assert "Too few draws (5)" in few.advice
    assert math.isnan(few.gain(few.allocation()).low)
    assert "Too few draws" in str(few)
    rows = torch.randn(48, 4, generator=torch.Generator().manual_seed(0))
    rows[0] *= 1000
    assert "variance on level 0 can't be trusted: kurtosis 4" in str(
        Given(4).statistics([rows, rows])
    )


def test_wrong_input_is_refused():
    problem = Linear()
    theta, draws = problem.theta, problem.draws(8)

    def refused(says, losses=problem.losses, batch=draws, parameters=(theta,), **options):
        with pytest.raises(ValueError, match=says):
            level_statistics(losses, batch, GRIDS, parameters, **options)

    refused("1 draw; a variance needs 2", batch=problem.draws(1))
    refused("none of the parameters requires a gradient", parameters=[torch.ones(3)])
    refused("the loss does not depend", losses=lambda b: b["image"].mean((1, 2, 3)))
    refused("the loss does not depend", parameters=[torch.ones(3, requires_grad=True)])
    refused(r"shape \(1, 5\) for one draw", losses=lambda b: theta * b["image"].mean((2, 3)))
    refused("own draws for 1 levels of 3", own=[draws])
    refused("a budget of 0.9 work units a step doesn't buy one sample", budget=0.9)
    refused("images of 8×8 where level 2", batch=restrict(draws))
    on_level_1 = lambda b: problem.losses(b) * (math.nan if b["image"].shape[-1] == 8 else 1)  # noqa: E731
    with pytest.raises(FloatingPointError, match="gradient of draw 0 on level 1 is not finite"):
        level_statistics(on_level_1, draws, GRIDS, (theta,))


def test_parameters_without_gradient_count_as_zeros():
    problem, idle = Linear(), torch.ones(7, requires_grad=True)
    fixed = torch.ones(2)
    with_idle = level_statistics(
        problem.losses, problem.draws(16), GRIDS, [idle, problem.theta, fixed],
        restriction=problem.restriction, timing=0,
    )  # fmt: skip
    assert with_idle.covariance == problem.statistics(n=16).covariance
    assert with_idle.parameters == 12
