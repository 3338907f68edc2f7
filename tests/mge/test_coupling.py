"""A draw has the same dropout mask on every level, and only there."""

import warnings

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from telegrad import CoupledDropout, GridHierarchy, multiscale_backward


class Recorder(nn.Module):
    """Two dropout layers; remembers which channels were dropped in each pass."""

    def __init__(self):
        super().__init__()
        self.first, self.second = CoupledDropout(0.5), CoupledDropout(0.5)
        self.scale = nn.Parameter(torch.ones(()))
        self.masks = []

    def forward(self, x):
        ones = torch.ones(len(x), 12, *x.shape[2:])
        a, b = self.first(ones), self.second(ones)
        self.masks.append(torch.stack([a[:, :, 0, 0], b[:, :, 0, 0]]))
        return self.scale * (x + a.mean() + b.mean())


def passes(form, sizes, total):
    network = Recorder()
    x = torch.randn(total, 1, 16, 16)
    multiscale_backward(
        lambda b: network(b).square().mean((1, 2, 3)),
        x,
        GridHierarchy((16, 16), 3),
        sizes,
        form=form,
    )
    return network.masks


def test_nested_the_first_draws_of_a_level_are_those_of_the_finer_one():
    finest, middle, coarsest = passes("nested", (9, 5, 2), 9)
    assert torch.equal(middle[:, :2], finest)
    assert torch.equal(coarsest[:, :5], middle)


def test_independent_both_levels_of_a_correction_share_their_masks():
    fine, fine_below, middle, middle_below, coarsest = passes("independent", (9, 5, 2), 16)
    assert torch.equal(fine, fine_below)
    assert torch.equal(middle, middle_below)
    assert not torch.equal(middle[:, :2], fine)
    assert not torch.equal(coarsest[:, :5], middle)


def test_draws_layers_and_steps_have_masks_of_their_own():
    (*_, coarsest), (*_, later) = passes("nested", (64, 5, 2), 64), passes("nested", (64, 5, 2), 64)
    assert not torch.equal(coarsest[0], coarsest[1])
    assert not torch.equal(coarsest, later)
    assert len({tuple(row) for row in coarsest[0].tolist()}) > 60


def test_channels_are_dropped_whole_with_the_right_probability_and_scale():
    torch.manual_seed(0)
    out = CoupledDropout(0.25)(torch.ones(200, 64, 3, 3))
    assert out.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert torch.equal(out, out[:, :, :1, :1].expand_as(out))
    assert (out == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)


def test_nothing_is_dropped_in_evaluation_or_at_zero():
    x = torch.randn(4, 8, 2, 2)
    assert CoupledDropout(0.5).eval()(x) is x
    assert CoupledDropout(0.0)(x) is x


def test_it_follows_the_default_generator():
    layer, x = CoupledDropout(0.5), torch.ones(4, 8, 2, 2)
    torch.manual_seed(3)
    first, second = layer(x), layer(x)
    torch.manual_seed(3)
    assert torch.equal(layer(x), first)
    assert not torch.equal(first, second)


def test_coupling_makes_the_correction_small():
    """On images that are constant the levels pose the same problem: any difference is dropout's."""
    torch.manual_seed(0)
    x = torch.rand(8, 1, 1, 1).expand(8, 1, 16, 16).contiguous()

    def correction(dropout):
        network = nn.Sequential(nn.Conv2d(1, 16, 1), dropout, nn.Conv2d(16, 1, 1))
        multiscale_backward(
            lambda b: network(b).square().mean((1, 2, 3)),
            torch.cat([x, torch.zeros(1, 1, 16, 16)]),
            GridHierarchy((16, 16), 2),
            (1, 8),
            form="independent",
        )
        return network[0].weight.grad.norm().item()

    assert correction(CoupledDropout(0.5)) < 1e-5
    with pytest.warns(UserWarning, match="'1' .Dropout2d. draws new masks.*CoupledDropout"):
        assert correction(nn.Dropout2d(0.5)) > 1e-3


def test_errors():
    with pytest.raises(ValueError, match="p=1.0, needs a probability"):
        CoupledDropout(1.0)
    layer = CoupledDropout(0.5)
    with pytest.raises(ValueError, match="given 8 samples in a pass of 4 draws"):
        multiscale_backward(
            lambda b: layer(torch.cat([b, b]))[:4].mean((1, 2, 3)),
            torch.ones(4, 1, 8, 8, requires_grad=True),
            GridHierarchy((8, 8), 1),
            (4,),
        )


def test_a_compiled_network_has_the_same_dropout_and_gradient(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1),
        CoupledDropout(0.5),
        torch.nn.Conv2d(8, 3, 3, padding=1),
    )
    grids, images = GridHierarchy(finest=(16, 16), levels=2), torch.rand(4, 3, 16, 16)

    def gradient(called):
        network.zero_grad()
        torch.manual_seed(0)
        multiscale_backward(
            lambda x: (called(x) - x).square().mean((1, 2, 3)), images, grids, (4, 2)
        )
        return [p.grad.clone() for p in network.parameters()]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's own
        compiled = gradient(torch.compile(network, dynamic=False))
    torch.testing.assert_close(compiled, gradient(network))


class Blocks(nn.Module):
    """Two blocks with dropout, whose activations may be computed again in the backward pass."""

    def __init__(self, reentrant=None, calls=1):
        super().__init__()
        torch.manual_seed(0)
        self.reentrant, self.calls = reentrant, calls
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), CoupledDropout(0.5))
            for _ in range(2)
        )

    def forward(self, x):
        for _ in range(self.calls):
            for block in self.blocks:
                if self.reentrant is None:
                    x = block(x)
                else:
                    x = checkpoint(block, x, use_reentrant=self.reentrant)
        return x.square().mean((1, 2, 3))


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize(
    ("levels", "sizes", "options"),
    [
        (3, (8, 4, 2), {}),
        (3, (8, 4, 2), {"form": "independent"}),
        (1, (8,), {"accumulate": 2}),
        (1, (8,), {}),
    ],
)
def test_activations_that_are_computed_again_have_their_masks_again(
    reentrant, levels, sizes, options
):
    first = nn.Conv2d(3, 4, 1)  # so that a reentrant checkpoint has something to differentiate
    n = sum(sizes) if options.get("form") else sizes[0]
    images = torch.rand(n, 3, 16, 16, generator=torch.Generator().manual_seed(1))

    def gradients(network):
        torch.manual_seed(5)
        network.zero_grad()
        grids = GridHierarchy((16, 16), levels)
        multiscale_backward(lambda x: network(first(x)), images, grids, sizes, **options)
        return [p.grad for p in network.parameters()]

    for plain, again in zip(gradients(Blocks()), gradients(Blocks(reentrant)), strict=True):
        torch.testing.assert_close(plain, again)
    several = Blocks(reentrant, calls=2)
    with pytest.raises(ValueError, match="called 2 times in a pass is called again"):
        gradients(several)
