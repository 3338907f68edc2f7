"""A batch follows the grids, or is refused with the rule to give."""

import re

import pytest
import torch
from torch import nn

from telegrad import GridHierarchy, Shells, level_statistics, multiscale_backward

GRIDS = GridHierarchy((16, 16), 3)
SIZES = (8, 4, 2)
SCALE = nn.Parameter(torch.ones(()))


def first_tensor(batch):
    while not isinstance(batch, torch.Tensor):
        batch = next(iter(batch.values())) if isinstance(batch, dict) else batch[0]
    return batch


def losses(batch):
    x = first_tensor(batch).float()
    return (SCALE * x).square().reshape(len(x), -1).mean(1)


def estimate(batch, grids=GRIDS, **options):
    return multiscale_backward(losses, batch, grids, SIZES[-grids.levels :], **options)


def statistics(batch, grids=GRIDS, **options):
    return level_statistics(losses, batch, grids, [SCALE], timing=0, **options)


def as_shells(batch, grids=GRIDS, **options):
    """The same for all levels, though they should be of their own sizes."""
    parts = [{key: field[:n] for key, field in batch.items()} for n in (4, 2, 2)[-grids.levels :]]
    return estimate(Shells(parts), grids, **options)


def rand(*shape):
    return torch.rand(8, *shape)


def refused(call, says, error=ValueError):
    with pytest.raises(error) as caught:
        call()
    assert re.search(says, str(caught.value), re.DOTALL), str(caught.value)


UNRESTRICTED = {
    "grey images": (
        {"x": rand(16, 16)},
        r"(8|4), 16, 16\).*restriction=\{'x': (function\} \(grey images \(n, h, w\): )?'averaging'",
    ),
    "label maps": (
        {"x": rand(16, 16).long()},
        r"(8|4), 16, 16\).*restriction=\{'x': (function\} \(grey images \(n, h, w\): )?'injection'",
    ),
    "volumes": ({"x": rand(1, 16, 16, 16)}, r"1, 16, 16, 16\).*restriction=\{'x': function\}"),
    "signals": ({"x": rand(1, 64)}, r"1, 64\).*restriction=\{'x': function\}.*half the length"),
    "videos and labels": (
        {"y": rand().long(), "Film": rand(5, 3, 16, 16)},
        r"'Film' has the shape .*5, 3, 16, 16\).*restriction=\{'Film': function\}",
    ),
    "channels last": ({"x": rand(16, 16, 3)}, r"images of 16×3 .*field 'x'"),
    "vectors": ({"x": rand()}, "no field of "),
}


@pytest.mark.parametrize("call", [estimate, statistics, as_shells])
@pytest.mark.parametrize("kind", UNRESTRICTED)
def test_a_batch_none_of_whose_fields_is_restricted(call, kind):
    batch, says = UNRESTRICTED[kind]
    refused(lambda: call(batch), says)


@pytest.mark.parametrize("call", [estimate, statistics, as_shells])
def test_fields_that_are_all_unchanged(call):
    x = {"x": rand(3, 16, 16), "t": rand()}
    rule = r"restriction=\{'x': 'averaging'\}"
    refused(lambda: call(x, restriction={"x": "unchanged", "t": "unchanged"}), rule)
    refused(lambda: call(x, restriction="unchanged"), rule)
    refused(lambda: call(x, restriction={"x": lambda u: u}), "gave the shape|images of 16×16")


@pytest.mark.parametrize("call", [estimate, statistics])
def test_bare_tensors_and_tuples(call):
    refused(lambda: call(rand(16, 16)), r"restriction=\{None: 'averaging'\}, or a channel axis")
    refused(lambda: call(rand(1, 16, 16, 16)), r"restriction=function")
    refused(lambda: call(rand(3, 16, 16), restriction="unchanged"), r"restriction='averaging'")
    refused(lambda: call((rand(16, 16), rand())), r"restriction=\{0: 'averaging'\}")
    refused(
        lambda: call({"in": {"x": rand(16, 16)}}), r"'in.x' .*restriction=\{'in.x': 'averaging'\}"
    )
    call(rand(16, 16), restriction={None: "averaging"})
    call((rand(16, 16), rand()), restriction={0: "averaging"})
    call({"in": {"x": rand(16, 16)}}, restriction={"x": "averaging"})


def halves(*dimensions):
    def halved(u):
        for dimension in dimensions:
            u = u.unflatten(dimension, (-1, 2)).select(dimension + 1, 0)
        return u

    return halved


@pytest.mark.parametrize("call", [estimate, statistics])
@pytest.mark.parametrize(
    ("field", "rule"),
    [
        (rand(16, 16), "averaging"),
        (rand(16, 16).long(), "injection"),
        (rand(16, 16) > 0.5, "mask"),
        (rand(1, 16, 16, 16), halves(2, 3, 4)),
        (rand(5, 3, 16, 16), "injection"),
        (rand(16, 16, 3), halves(1, 2)),
        (rand(4, 16), halves(2)),
    ],
    ids=["grey", "labels", "masks", "volumes", "videos", "channels last", "signals"],
)
def test_the_way_out_is_one(call, field, rule):
    call({"x": field}, restriction={"x": rule})


@pytest.mark.parametrize("call", [estimate, statistics])
def test_a_function_for_a_bare_tensor(call):
    call(rand(1, 16, 16, 16), restriction=halves(2, 3, 4))


@pytest.mark.parametrize("call", [estimate, statistics])
def test_what_a_function_makes_is_looked_at(call):
    x = {"x": rand(1, 16, 16, 16)}
    refused(
        lambda: call(x, restriction={"x": lambda u: u}),
        r"function that restricts field 'x' gave .*16, 16, 16\) on level 1, which has 8×8",
    )
    refused(lambda: call(x, restriction={"x": halves(2)}), "level 1, which has 8×8")
    refused(lambda: call(x, restriction={"x": lambda u: None}), "returned NoneType", TypeError)
    refused(lambda: call(x, restriction={"x": lambda u: u[:1]}), r"returned \(1, ", TypeError)
    # Right once, then not.
    once = halves(3, 4)
    refused(
        lambda: call(x, restriction={"x": lambda u: once(u) if u.shape[-1] == 16 else u}),
        "level 0, which has 4×4",
    )


@pytest.mark.parametrize("call", [estimate, statistics, as_shells])
def test_a_rule_for_no_field(call):
    x = {"clean": rand(1, 16, 16), "noise": rand(1, 16, 16)}
    refused(
        lambda: call(x, restriction={"nosie": "white_noise"}),
        r"'nosie', and the batch no field.*it has 'clean', 'noise'; did you mean 'noise'\?",
    )


@pytest.mark.parametrize("call", [estimate, statistics])
def test_a_rule_for_no_index_or_a_container(call):
    pair = rand(1, 16, 16), rand(1, 16, 16)
    refused(lambda: call(pair, restriction={-1: "white_noise"}), r"rule for -1.*it has 0, 1$")
    refused(lambda: call(pair, restriction={"0": "white_noise"}), "rule for '0'.*it has 0, 1")
    refused(lambda: call(pair[0], restriction={0: "white_noise"}), "the batch is a bare tensor")
    nested = {"in": {"x": pair[0], "noise": pair[1]}}
    call(nested, restriction={"noise": "white_noise"})
    refused(
        lambda: call(nested, restriction={"in": "white_noise"}), "rule for 'in'.*'in.x', 'in.noise'"
    )


def test_a_name_may_be_unchanged_and_nothing_else():
    x = {"x": rand(1, 16, 16), "name": ["a"] * 8}
    estimate(x, restriction={"name": "unchanged"})
    refused(lambda: estimate(x, restriction={"name": "mask"}), "'name', which holds no tensor")


@pytest.mark.parametrize("call", [estimate, statistics])
def test_sizes_are_named_as_they_were_given(call):
    refused(lambda: call({"x": rand(1, 64, 48)}), "images of 64×48 where level 2 .*16×16 .*'x'")
    odd = {"x": rand(1, 16, 16), "y": rand(3, 6, 10)}
    refused(
        lambda: call(odd), r"'y' of shape \(8, 3, 6, 10\) can't be halved 2 times.*divisible by 4"
    )
    call({"x": odd["x"], "y": rand(3, 6, 10)}, restriction={"y": "unchanged"})


def test_shells_are_halved_as_often_as_their_form_does():
    def parts(n):
        return Shells(
            [
                {"x": torch.rand(n, 1, s, s), "y": torch.rand(n, 1, 2 * k, 2 * k)}
                for k, (n, s) in enumerate(zip(n, (4, 8, 16), strict=True), 1)
            ]
        )

    refused(lambda: estimate(parts((4, 2, 2))), r"\(2, 1, 6, 6\) can't be halved 2 times")
    three = {"x": torch.rand(2, 1, 16, 16), "y": torch.rand(2, 1, 6, 6)}
    independent = Shells([parts((8, 4, 2)).parts[0], parts((8, 4, 2)).parts[1], three])
    estimate(independent, form="independent")


def test_one_level_needs_no_rule():
    one = GridHierarchy((16, 16), 1)
    for x in (rand(16, 16), rand(1, 64), rand(1, 16, 16, 16), rand()):
        assert multiscale_backward(losses, x, one, (8,), restriction={"y": "mask"}).work_units == 8
