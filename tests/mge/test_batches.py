"""Each pass has a batch of its own, and nothing of the user's changes."""

import copy
from collections import namedtuple

import pytest
import torch
from torch import nn

from telegrad import GridHierarchy, Shells, level_statistics, multiscale_backward, restrict
from telegrad.mge.batches import on_device

GRIDS = GridHierarchy((16, 16), 3)
NESTED, INDEPENDENT = (8, 4, 2), (4, 2, 1)
Pair = namedtuple("Pair", "x t")


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 1, 3, padding=1))


def draws(n, size=16):
    """x and y are views of one storage; `meta` is a container in a container."""
    generator = torch.Generator().manual_seed(n)
    both = torch.randn(2, n, 1, size, size, generator=generator)
    return {
        "x": both[0],
        "y": both[1],
        "t": torch.rand(n, generator=generator),
        "meta": {"weights": [torch.rand(n, generator=generator)]},
        "names": [f"{i}.png" for i in range(n)],
        "settings": [{"gain": 1.0} for _ in range(n)],
    }


def pure(net):
    def losses(b):
        x = net(b["x"] * (1 + b["t"][:, None, None, None]))
        return (x - b["y"]).square().mean((1, 2, 3)) * (1 + b["meta"]["weights"][0])

    return losses


def harmful(net):
    """The same losses, that take their batch to pieces."""

    def losses(b):
        b["x"].mul_(1 + b.pop("t")[:, None, None, None])
        b["y"].neg_().add_(net(b["x"]))
        error = b["y"].square_().mean((1, 2, 3))
        weight = b["meta"]["weights"].pop().add_(1)
        b["meta"]["weights"].append("no tensor")
        del b["names"][0]
        b["settings"][0]["gain"] = None
        b["new"] = b
        return error * weight

    return losses


def tensors(batch):
    yield from (batch["x"], batch["y"], batch["t"], batch["meta"]["weights"][0])


def gradient_of(losses_of, batch, sizes, form="nested", grids=GRIDS):
    net = network()
    multiscale_backward(losses_of(net), batch, grids, sizes, form=form)
    return torch.cat([p.grad.flatten() for p in net.parameters()])


def shells(form):
    numbers = (4, 2, 2) if form == "nested" else INDEPENDENT
    return Shells([draws(n, 4 * 2**level) for level, n in enumerate(numbers)])


@pytest.mark.parametrize(
    ("batch", "sizes", "form", "grids"),
    [
        (draws(8), NESTED, "nested", GRIDS),
        (draws(8), (8, 8, 2), "nested", GRIDS),
        (draws(7), INDEPENDENT, "independent", GRIDS),
        (shells("nested"), NESTED, "nested", GRIDS),
        (shells("independent"), INDEPENDENT, "independent", GRIDS),
        (draws(8), (8,), "nested", GridHierarchy((16, 16), 1)),
    ],
    ids=[
        "nested",
        "equal sizes",
        "independent",
        "nested shells",
        "independent shells",
        "one level",
    ],
)
def test_losses_may_do_with_their_batch_what_they_like(batch, sizes, form, grids):
    parts = batch.parts if isinstance(batch, Shells) else [batch]
    values = copy.deepcopy(parts)
    objects = [(list(part), list(tensors(part))) for part in parts]
    versions = [[t._version for t in tensors(part)] for part in parts]
    found = gradient_of(harmful, batch, sizes, form, grids)
    torch.testing.assert_close(found, gradient_of(pure, batch, sizes, form, grids))
    for part, before, (keys, kept), version in zip(parts, values, objects, versions, strict=True):
        assert list(part) == keys
        assert [t._version for t in tensors(part)] == version
        for now, was, same in zip(tensors(part), tensors(before), kept, strict=True):
            assert now is same and torch.equal(now, was)
        assert part["names"] == before["names"] and part["settings"] == before["settings"]


@pytest.mark.parametrize("own", [False, True])
def test_level_statistics_leaves_the_draws_as_they_are(own):
    batch, net = draws(8), network()
    others = [draws(8, 4), None, None] if own else None
    before = copy.deepcopy((batch, others))
    versions = [t._version for t in tensors(batch)]
    found = [
        level_statistics(losses(net), batch, GRIDS, net.parameters(), own=others, timing=timing)
        for losses, timing in ((harmful, 1), (pure, 0))
    ]
    torch.testing.assert_close(torch.tensor(found[0].covariance), torch.tensor(found[1].covariance))
    assert found[0].separable
    assert [t._version for t in tensors(batch)] == versions
    for now, was in zip((batch, *(others or ())), (before[0], *(before[1] or ())), strict=True):
        assert now is None or (
            list(now) == list(was)
            and all(map(torch.equal, tensors(now), tensors(was)))
            and now["names"] == was["names"]
            and now["settings"] == was["settings"]
        )


@pytest.mark.parametrize("kind", [list, tuple, Pair._make], ids=["list", "tuple", "namedtuple"])
def test_sequences_have_copies_of_their_own_type(kind):
    x, t = draws(8)["x"], torch.ones(8)
    batch, net = kind([x, t]), network()

    def losses(b):
        assert type(b) is type(batch)
        b[0].mul_(2)
        return net(b[0]).square().mean((1, 2, 3)) * b[1].add_(1)

    multiscale_backward(losses, batch, GRIDS, NESTED)
    assert batch[0] is x and x._version == 0 and batch[1].eq(1).all()


def test_a_bare_tensor_and_a_rule_that_work_in_place():
    x, net = draws(8)["x"], network()

    def halved(u):
        return u.mul_(0.5)[..., ::2, ::2]

    multiscale_backward(
        lambda b: net(b.mul_(2)).square().mean((1, 2, 3)), x, GRIDS, NESTED, restriction=halved
    )
    coarse = restrict(x, halved)
    assert x._version == 0
    torch.testing.assert_close(coarse, 0.5 * x[..., ::2, ::2])


def test_a_gradient_still_reaches_a_field_that_wants_one():
    x = draws(8)["x"].requires_grad_()
    multiscale_backward(lambda b: b.square().sum((1, 2, 3)), x, GridHierarchy((16, 16), 1), (8,))
    torch.testing.assert_close(x.grad, 2 * x.detach() / 8)


def test_memory_format_is_kept():
    x, net = draws(8)["x"].expand(8, 3, 16, 16).contiguous(memory_format=torch.channels_last), []

    def losses(b):
        net.append(b.is_contiguous(memory_format=torch.channels_last))
        return b.mean((1, 2, 3)) * torch.ones((), requires_grad=True)

    multiscale_backward(losses, x, GridHierarchy((16, 16), 1), (8,))
    assert net == [True]


def test_tensors_move_to_a_device_and_all_else_stays():
    here = draws(3) | {"pair": Pair(torch.ones(3, 1), torch.arange(3))}
    there = on_device(here, "meta")
    assert isinstance(there["pair"], Pair)
    moved = (there["x"], there["t"], there["meta"]["weights"][0], *there["pair"])
    assert {tensor.device.type for tensor in moved} == {"meta"}
    assert (there["names"], there["settings"]) == (here["names"], here["settings"])
    assert here["x"].device.type == "cpu"
