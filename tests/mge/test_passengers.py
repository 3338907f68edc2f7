"""What is no tensor travels along with its samples."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from telegrad import GridHierarchy, Shells, level_statistics, multiscale_backward, restrict

GRIDS = GridHierarchy((8, 8), 3)
SCALE = nn.Parameter(torch.ones(()))


def batch(numbers, size=8):
    """Each image is filled with its number, which its names hold too."""
    numbers = list(numbers)
    return {
        "x": torch.tensor(numbers, dtype=torch.float32)[:, None, None, None].expand(
            -1, 1, size, size
        ),
        "file": [f"{i}.png" for i in numbers],
        "pair": {"ids": tuple(numbers), "shapes": [(i, i) for i in numbers]},
        "meta": [{"number": i} for i in numbers],
        "set": "train",
        "sigma": 0.1,
        "nothing": None,
        "crop": slice(3),
    }


def losses_that_note(seen):
    def losses(b):
        numbers = [int(x) for x in b["x"].mean((1, 2, 3))]
        assert type(b["file"]) is list and type(b["pair"]["ids"]) is tuple
        assert b["file"] == [f"{i}.png" for i in numbers]
        assert b["pair"]["ids"] == tuple(numbers)
        assert b["pair"]["shapes"] == [(i, i) for i in numbers]
        assert b["meta"] == [{"number": i} for i in numbers]
        assert (b["set"], b["sigma"], b["nothing"], b["crop"]) == ("train", 0.1, None, slice(3))
        seen.append(numbers)
        return SCALE * b["x"].mean((1, 2, 3))

    return losses


@pytest.mark.parametrize(
    ("given", "form", "sizes", "passes"),
    [
        (batch(range(6)), "nested", (6, 3, 1), [[0], [0, 1, 2], [0, 1, 2, 3, 4, 5]]),
        (batch(range(6)), "independent", (3, 2, 1), [[0], [0], [1, 2], [1, 2], [3, 4, 5]]),
        (
            Shells([batch((3, 4, 5), 2), batch((1, 2), 4), batch((0,))]),
            "nested",
            (6, 3, 1),
            [[0], [0, 1, 2], [0, 1, 2, 3, 4, 5]],
        ),
        (
            Shells([batch((3, 4, 5), 2), batch((1, 2), 4), batch((0,))]),
            "independent",
            (3, 2, 1),
            [[0], [0], [1, 2], [1, 2], [3, 4, 5]],
        ),
    ],
    ids=["nested", "independent", "nested shells", "independent shells"],
)
def test_names_stay_with_their_samples_in_every_pass(given, form, sizes, passes):
    seen = []
    multiscale_backward(losses_that_note(seen), given, GRIDS, sizes, form=form)
    assert seen == passes


def test_names_stay_with_their_samples_in_statistics():
    seen = []
    given, own = batch(range(1, 5)), [batch((7, 8), 2), batch((9, 5), 4), None]
    level_statistics(losses_that_note(seen), given, GRIDS, [SCALE], own=own, timing=1)
    assert [1] in seen and [1, 2, 3, 4] in seen and [9] in seen


def test_restrict_carries_them():
    given = batch(range(4))
    coarse = restrict(given)
    assert coarse["x"].shape == (4, 1, 4, 4)
    assert {k: v for k, v in coarse.items() if k != "x"} == {
        k: v for k, v in given.items() if k != "x"
    }


class Named(torch.utils.data.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, i):
        return torch.full((1, 8, 8), float(i)), f"{i}.png", {"at": (f"a{i}", f"b{i}", f"c{i}")}


@pytest.mark.parametrize("sizes", [(4, 2, 1), (3, 2, 1)])
def test_what_a_plain_data_loader_makes_of_names(sizes):
    """Also where a batch has as many samples as a sample has names."""
    seen = []

    def losses(b):
        images, names, more = b
        numbers = [int(x) for x in images.mean((1, 2, 3))]
        assert list(names) == [f"{i}.png" for i in numbers]
        assert [list(part) for part in more["at"]] == [[f"{k}{i}" for i in numbers] for k in "abc"]
        seen.append(len(numbers))
        return SCALE * images.mean((1, 2, 3))

    for loaded in DataLoader(Named(), batch_size=sizes[0], drop_last=True):
        multiscale_backward(losses, loaded, GRIDS, sizes)
    assert seen == [*sizes[::-1], *sizes[::-1]]


def calls(given):
    def losses(b):
        return SCALE * b["x"].mean((1, 2, 3))

    yield lambda: multiscale_backward(losses, given, GRIDS, (4, 2, 1))
    yield lambda: level_statistics(losses, given, GRIDS, [SCALE], timing=0)


class Holder:
    def __init__(self):
        self.target = torch.ones(4)


@pytest.mark.parametrize(
    ("value", "error", "says"),
    [
        (
            ["a", "b"],
            ValueError,
            "list of 2 without tensors under 'y', for 4 samples; needs one entry",
        ),
        (("a",) * 5, ValueError, "tuple of 5 without tensors under 'y'"),
        ({"deep": [None]}, ValueError, "list of 1 without tensors under 'deep'"),
        (np.zeros((4, 1, 8, 8)), TypeError, "ndarray under 'y'.*torch.as_tensor"),
        ([np.zeros(3)] * 4, TypeError, "ndarray under 'y'.*torch.as_tensor"),
        (Holder(), TypeError, "got a Holder under 'y'"),
    ],
)
def test_what_cannot_travel_is_refused_with_the_way_out(value, error, says):
    for call in calls({"x": torch.rand(4, 1, 8, 8), "y": value}):
        with pytest.raises(error, match=says):
            call()


@pytest.mark.parametrize("value", [np.float32(0.5), np.int64(3), [], {}, True, {"a", "b"}])
def test_numbers_of_numpy_and_empty_containers_travel(value):
    for call in calls({"x": torch.rand(4, 1, 8, 8), "y": value}):
        call()


def test_shells_that_share_different_things_are_not_joined():
    shells = Shells([{"x": torch.rand(2, 1, s, s), "sigma": s} for s in (2, 4, 8)])
    with pytest.raises(ValueError, match=r"'sigma': 8.*can't be joined with .*'sigma': 4"):
        multiscale_backward(lambda b: SCALE * b["x"].mean((1, 2, 3)), shells, GRIDS, (6, 4, 2))


def test_fields_of_one_name_in_different_dictionaries_are_counted_apart():
    nested = {"a": {"x": torch.rand(3, 1, 8, 8)}, "b": {"x": torch.rand(4, 1, 8, 8)}}
    with pytest.raises(ValueError, match=r"'a.x': 3, 'b.x': 4"):
        multiscale_backward(lambda b: SCALE * b["b"]["x"].mean((1, 2, 3)), nested, GRIDS, (4, 2, 1))
