"""Theorems about the multiscale gradient."""

from collections import namedtuple
from itertools import permutations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import telegrad.mge.passes
from telegrad import CoupledDropout, GridHierarchy, Shells, multiscale_backward, restrict
from telegrad.diagnostics.gain import Allocation
from telegrad.mge.weights import nested_weights, work_units
from telegrad.networks import ResNet, SRNet, UNet


def gradient(network):
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


def small_network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 1, 3, padding=1))


def mse(network):
    return lambda images: (network(images) - images.abs()).square().mean((1, 2, 3))


def images(n, size=16, dtype=torch.float32, seed=1):
    return torch.randn(n, 1, size, size, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("form", ["nested", "independent"])
@pytest.mark.parametrize("n", [1, 3, 7, 16])
def test_one_level_is_loss_backward_bit_for_bit(n, form):
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), CoupledDropout(0.3), nn.Conv2d(8, 1, 1)
    )
    losses, x = mse(network), images(n)

    torch.manual_seed(5)
    losses(x).mean().backward()
    plain = gradient(network)
    network.zero_grad()
    torch.manual_seed(5)
    estimate = multiscale_backward(losses, x, GridHierarchy((16, 16), 1), (n,), form=form)

    assert torch.equal(gradient(network), plain)
    assert estimate.work_units == n


@pytest.mark.parametrize("alphas", [None, (0.3, 0.7)])
def test_equal_batch_sizes_on_all_levels_are_the_single_scale_gradient(alphas):
    network, x = small_network(), images(6)
    losses = mse(network)
    losses(x).mean().backward()
    plain = gradient(network)
    network.zero_grad()
    multiscale_backward(losses, x, GridHierarchy((16, 16), 3), (6, 6, 6), alphas=alphas)
    assert torch.equal(gradient(network), plain)


def single_level_gradients(losses, network, x, grids):
    """g_l(ω_i) for every draw and level: (levels, draws, parameters)."""
    table = []
    batch = x
    for level in reversed(range(grids.levels)):
        rows = []
        for draw in batch.split(1):
            network.zero_grad()
            losses(draw).sum().backward()
            rows.append(gradient(network))
        table.insert(0, torch.stack(rows))
        batch = restrict(batch) if level else batch
    network.zero_grad()
    return torch.stack(table)


@pytest.mark.parametrize("alphas", [None, (0.5, 0.8)])
def test_nested_gradient_is_the_weighted_sum_of_the_formula(alphas):
    network, x = small_network().double(), images(8, dtype=torch.float64)
    losses, grids, sizes = mse(network), GridHierarchy((16, 16), 3), (8, 4, 1)
    g = single_level_gradients(losses, network, x, grids)
    a = [1.0, 1.0, 1.0] if alphas is None else [alphas[0] * alphas[1], alphas[1], 1.0]
    expected = sum(
        a[level]
        * (1 / sizes[level] - (1 / sizes[level + 1] if level < 2 and i < sizes[level + 1] else 0))
        * g[level, i]
        for level in range(3)
        for i in range(sizes[level])
    )
    multiscale_backward(losses, x, grids, sizes, alphas=alphas)
    torch.testing.assert_close(gradient(network), expected)


@pytest.mark.parametrize("alphas", [None, (0.5, 0.8)])
def test_independent_gradient_is_the_sum_of_mean_corrections(alphas):
    network, x = small_network().double(), images(7, dtype=torch.float64)
    losses, grids, sizes = mse(network), GridHierarchy((16, 16), 3), (4, 2, 1)
    g = single_level_gradients(losses, network, x, grids)
    alpha = (0.0, *(alphas or (1.0, 1.0)))
    sets = {2: range(1), 1: range(1, 3), 0: range(3, 7)}  # the finest level's samples first
    a = {2: 1.0, 1: alpha[2], 0: alpha[2] * alpha[1]}
    expected = sum(
        a[level] / sizes[level] * (g[level, i] - (alpha[level] * g[level - 1, i] if level else 0))
        for level, rows in sets.items()
        for i in rows
    )
    estimate = multiscale_backward(losses, x, grids, sizes, form="independent", alphas=alphas)
    torch.testing.assert_close(gradient(network), expected)
    assert estimate.work_units == work_units(sizes, "independent")


@pytest.mark.parametrize("form", ["nested", "independent"])
def test_averaged_over_every_order_of_the_draws_it_is_exactly_the_fine_gradient(form):
    network, x = small_network().double(), images(4, size=8, dtype=torch.float64)
    losses, grids = mse(network), GridHierarchy((8, 8), 2)
    losses(x).mean().backward()
    fine = gradient(network)
    network.zero_grad()
    sizes = (4, 1) if form == "nested" else (3, 1)
    orders = list(permutations(range(4)))
    for order in orders:
        multiscale_backward(losses, x[list(order)], grids, sizes, form=form, alphas=(0.7,))
    torch.testing.assert_close(gradient(network) / len(orders), fine)


ESTIMATES = 3000


def many_estimates(losses, network, population, grids, sizes, form, alphas=None):
    """Gradients of independent steps, each on draws taken at random from the population."""
    generator = torch.Generator().manual_seed(0)
    needed = sizes[0] if form == "nested" else sum(sizes)
    found = []
    for _ in range(ESTIMATES):
        network.zero_grad()
        chosen = torch.randint(len(population), (needed,), generator=generator)
        multiscale_backward(losses, population[chosen], grids, sizes, form=form, alphas=alphas)
        found.append(gradient(network))
    return torch.stack(found)


def standardized_bias(found, exact):
    """‖mean − exact‖² over its expectation tr Cov / K for an unbiased estimator; about 1 then."""
    return (found.mean(0) - exact).square().sum() / (found.var(0).sum() / len(found))


@pytest.fixture(scope="module")
def linear_problem():
    torch.manual_seed(0)
    network = nn.Conv2d(1, 1, 3, padding=1).double()
    smooth = F.interpolate(images(40, 4, torch.float64), scale_factor=4, mode="bilinear")
    population = smooth + 0.1 * images(40, 16, torch.float64, seed=9)
    losses, grids = mse(network), GridHierarchy((16, 16), 3)
    g = single_level_gradients(losses, network, population, grids)
    centred = g - g.mean(1, keepdim=True)
    covariance = torch.einsum("aip,bip->ab", centred, centred) / len(population)
    return losses, network, population, grids, g[-1].mean(0), covariance


@pytest.mark.parametrize(
    ("form", "alphas"), [("nested", None), ("nested", (0.5, 0.9)), ("independent", None)]
)
def test_expectation_is_the_fine_gradient_and_variance_is_as_predicted(
    linear_problem, form, alphas
):
    losses, network, population, grids, exact, covariance = linear_problem
    sizes = (8, 3, 1)
    found = many_estimates(losses, network, population, grids, sizes, form, alphas)
    # The mean of 3,000 estimates is nearly normal, so at worst (one direction holding all of the
    # variance) this is χ² of one degree of freedom: above 10 with a probability of 0.16 %.
    assert standardized_bias(found, exact) < 10
    predicted = Allocation(form, 0, sizes, alphas or (1.0, 1.0)).variance(covariance)
    assert found.var(0).sum().item() == pytest.approx(predicted.item(), rel=0.12)


def test_a_wrong_weight_is_noticed_by_the_test_of_the_expectation(linear_problem, monkeypatch):
    losses, network, population, grids, exact, _ = linear_problem

    def wrong(sizes, alphas=None):
        (carried, shell), *finer = nested_weights(sizes, alphas)
        return ((0.9 * carried, shell), *finer)

    monkeypatch.setattr(telegrad.mge.passes, "nested_weights", wrong)
    found = many_estimates(losses, network, population, grids, (8, 3, 1), "nested")
    assert standardized_bias(found, exact) > 20


@pytest.mark.parametrize("form", ["nested", "independent"])
def test_shells_on_their_own_level_give_the_same_as_the_finest_batch(form):
    network, grids, sizes = small_network(), GridHierarchy((16, 16), 3), (6, 3, 2)
    losses = mse(network)
    x = images(6 if form == "nested" else 11)
    cuts = [2, 1, 3] if form == "nested" else [2, 3, 6]
    finest, middle, coarsest = x.split(cuts)
    shells = Shells([restrict(restrict(coarsest)), restrict(middle), finest])
    whole = multiscale_backward(losses, x, grids, sizes, form=form)
    expected = gradient(network)
    network.zero_grad()
    parts = multiscale_backward(losses, shells, grids, sizes, form=form)
    torch.testing.assert_close(gradient(network), expected)
    torch.testing.assert_close(parts.loss, whole.loss)
    assert parts.work_units == whole.work_units == work_units(sizes, form)


def test_the_report_holds_the_losses_of_each_level_and_the_telescoping_estimate():
    network, x, sizes = small_network(), images(6), (6, 3, 2)
    losses, grids = mse(network), GridHierarchy((16, 16), 3)
    seen = multiscale_backward(losses, x, grids, sizes)
    on_level = {2: x[:2], 1: restrict(x[:3]), 0: restrict(restrict(x))}
    for level, batch in on_level.items():
        torch.testing.assert_close(seen.losses[level], losses(batch).detach())
    telescope = (
        seen.losses[0].mean()
        + (seen.losses[1].mean() - seen.losses[0][:3].mean())
        + (seen.losses[2].mean() - seen.losses[1][:2].mean())
    )
    torch.testing.assert_close(seen.loss, telescope)
    assert not seen.loss.requires_grad


def test_nothing_waits_for_the_device():
    # Tensors on the meta device hold no numbers: whatever looked at one would raise.
    network = small_network().to("meta")
    x = torch.empty(8, 1, 16, 16, device="meta")
    seen = multiscale_backward(mse(network), x, GridHierarchy((16, 16), 3), (8, 4, 2))
    assert seen.loss.device.type == "meta"
    assert seen.work_units == work_units((8, 4, 2))


def test_gradients_are_added_to_those_that_are_there():
    network, x, grids = small_network(), images(4), GridHierarchy((16, 16), 2)
    multiscale_backward(mse(network), x, grids, (4, 2))
    once = gradient(network).clone()
    multiscale_backward(mse(network), x, grids, (4, 2))
    torch.testing.assert_close(gradient(network), 2 * once)


Pair = namedtuple("Pair", "low high")


@pytest.mark.parametrize(
    ("batch", "losses"),
    [
        ((images(4), torch.arange(4)), lambda net: lambda b: mse(net)(b[0]) * (1 + b[1])),
        (
            [images(4), images(4, seed=8)],
            lambda net: lambda b: (net(b[0]) - b[1]).square().mean((1, 2, 3)),
        ),
        ({"x": images(4), "w": torch.rand(4)}, lambda net: lambda b: mse(net)(b["x"]) * b["w"]),
        (Pair(images(4, 8), images(4)), lambda net: lambda b: mse(net)(b.low) + mse(net)(b.high)),
    ],
    ids=["tuple", "list", "dict", "namedtuple of two sizes"],
)
def test_batches_of_any_structure(batch, losses):
    network = small_network()
    seen = multiscale_backward(losses(network), batch, GridHierarchy((16, 16), 2), (4, 2))
    assert {level: len(values) for level, values in seen.losses.items()} == {0: 4, 1: 2}
    assert gradient(network).abs().sum() > 0


def test_a_plain_data_loader_any_model_and_any_optimizer():
    network = small_network()
    loader = DataLoader(TensorDataset(images(32)), batch_size=8, shuffle=True, drop_last=True)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    grids, seen = GridHierarchy((16, 16), 3), []
    for _ in range(15):
        for (x,) in loader:
            optimizer.zero_grad()
            seen.append(multiscale_backward(mse(network), x, grids, (8, 4, 2)).loss.item())
            optimizer.step()
    assert sum(seen[-4:]) < 0.8 * sum(seen[:4])


@pytest.mark.parametrize("make", [lambda: UNet(16), lambda: ResNet(8), lambda: SRNet(8)])
def test_the_projects_networks_in_both_forms(make):
    torch.manual_seed(0)
    network = make()
    x, t = torch.randn(7, 3, 16, 16), torch.rand(7)

    def losses(b):
        return (network(b[0], b[1]) - b[0].flip(-1)).square().mean((1, 2, 3))

    grids = GridHierarchy((16, 16), 3)
    multiscale_backward(losses, (x[:4], t[:4]), grids, (4, 2, 1))
    multiscale_backward(losses, (x, t), grids, (4, 2, 1), form="independent")
    assert gradient(network).isfinite().all()


def test_the_mean_of_the_losses_is_enough_in_independent_form():
    network, x, sizes = small_network(), images(7), (4, 2, 1)
    grids = GridHierarchy((16, 16), 3)
    multiscale_backward(mse(network), x, grids, sizes, form="independent")
    expected = gradient(network).clone()
    network.zero_grad()
    multiscale_backward(lambda b: mse(network)(b).mean(), x, grids, sizes, form="independent")
    torch.testing.assert_close(gradient(network), expected)


@pytest.mark.parametrize(
    ("batch", "sizes", "losses", "says"),
    [
        (
            images(7),
            (8, 4),
            mse,
            r"has 7 samples; .* needs 8 \(N_0.*batch_size=8 and drop_last=True",
        ),
        (images(8), (8, 4, 2), mse, "got 3 for 2 levels"),
        (
            images(8, size=32),
            (8, 4),
            mse,
            "images of 32×32 where level 1 of the grids has 16×16. Build the grids with the size",
        ),
        (
            images(8),
            (8, 4),
            lambda net: lambda b: mse(net)(b).mean(),
            r"shape \(\) for 4 samples; needs \(4,\)",
        ),
        (images(8), (8, 4), lambda net: lambda b: (net(b) - b) ** 2, "one loss per sample"),
        ({"x": images(8), "t": torch.rand(3)}, (8, 4), mse, "same number of samples"),
        (Shells([images(3, 8), images(4)]), (8, 4), mse, r"shells of \(3, 4\) .* needs \(4, 4\)"),
    ],
)
def test_wrong_input_is_refused_with_what_is_needed(batch, sizes, losses, says):
    with pytest.raises(ValueError, match=says):
        multiscale_backward(losses(small_network()), batch, GridHierarchy((16, 16), 2), sizes)


@pytest.mark.parametrize("form", ["nested", "independent"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_losses_of_half_precision_are_summed_in_full(dtype, form):
    """300 losses of 1,000: their sum overflows in float16, and in bfloat16 stops growing."""
    scale, x = torch.ones((), requires_grad=True), torch.ones(516, 1, 4, 4)

    def losses(b):
        return (scale * 1000 * b.mean((1, 2, 3))).to(dtype)

    grids, sizes = GridHierarchy((4, 4), 2), (300, 216)
    x = x[:300] if form == "nested" else x
    estimate = multiscale_backward(losses, x, grids, sizes, form=form)
    assert estimate.loss.dtype == torch.float32
    assert estimate.losses[0].dtype == dtype
    assert estimate.loss.item() == pytest.approx(1000, rel=1e-3)
    assert scale.grad.item() == pytest.approx(1000, rel=1e-2)
    if form == "independent":
        mean = multiscale_backward(lambda b: losses(b).mean(), x, grids, sizes, form=form)
        assert mean.loss.item() == pytest.approx(1000, rel=1e-2)


def test_losses_of_double_precision_stay_so():
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    x = torch.ones(4, 1, 4, 4, dtype=torch.float64) / 3
    estimate = multiscale_backward(
        lambda b: scale * b.mean((1, 2, 3)), x, GridHierarchy((4, 4), 2), (4, 2)
    )
    assert estimate.loss.dtype == torch.float64
    assert estimate.loss.item() == pytest.approx(1 / 3, abs=1e-15)


def test_complex_losses_are_refused():
    scale = torch.ones((), dtype=torch.complex64, requires_grad=True)
    with pytest.raises(TypeError, match="losses returned torch.complex64; needs"):
        multiscale_backward(
            lambda b: scale * b.mean((1, 2, 3)), images(4), GridHierarchy((16, 16), 2), (4, 2)
        )


def test_a_batch_with_a_gradient_of_its_own_is_refused_where_passes_would_share_it():
    """Each pass frees its graph, and what made the batch would be in all of them."""
    gain = torch.ones((), requires_grad=True)
    one_level, two_levels = (GridHierarchy((16, 16), levels) for levels in (1, 2))

    def losses(batch):
        return (gain * batch["image"]).mean((1, 2, 3))

    batch = {"image": gain * images(4)}
    multiscale_backward(losses, batch, one_level, (4,))
    for grids, options in ((two_levels, {}), (one_level, {"accumulate": 2})):
        with pytest.raises(ValueError, match="field 'image' requires a gradient, and several"):
            multiscale_backward(losses, batch, grids, (4, 2)[: grids.levels], **options)
