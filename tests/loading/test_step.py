"""One step: its tensors on a device."""

from collections import namedtuple

import pytest
import torch
from torch.utils.data import Dataset

from telegrad import GridHierarchy, Schedule, ScheduledLoader, Stage

GRIDS = GridHierarchy(finest=(8, 8), levels=3)
Pair = namedtuple("Pair", "image parts")


class Nested(Dataset):
    """Tensors in containers of all kinds, and what is no tensor between them."""

    def __len__(self):
        return 5

    def __getitem__(self, k):
        image = torch.full((3, 8, 8), float(k))
        names = [f"{k}", f"{k}.png"]
        return {"pair": Pair(image, (image.clone(), k)), "names": names, "time": torch.tensor(0.5)}


def step_of(batch_sizes: tuple[int, ...]):
    schedule = Schedule(GRIDS, (Stage(1, 2, batch_sizes),))
    return next(iter(ScheduledLoader(Nested(), schedule)))


@pytest.mark.parametrize("batch_sizes", [(4,), (4, 2, 1), (2, 2, 1)])
def test_all_its_tensors_move_and_all_else_stays(batch_sizes):
    here = step_of(batch_sizes)
    there = here.to("meta", non_blocking=True)
    assert list(there.batches) == list(here.batches)
    for level, batch in there.batches.items():
        own = here.batches[level]
        image, (copy, number) = batch["pair"]
        assert isinstance(batch["pair"], Pair)
        for tensor in (image, copy, number, batch["time"]):
            assert tensor.device.type == "meta"
        assert batch["names"] == own["names"]
        assert image.shape == own["pair"].image.shape
        assert own["pair"].image.device.type == "cpu"
    assert (there.number, there.batch_sizes) == (here.number, here.batch_sizes)


def test_the_gradient_is_the_same_where_it_has_moved():
    weight = torch.nn.Parameter(torch.ones(()))

    def losses(batch):
        return (weight * batch["pair"].image - 1).square().mean((1, 2, 3))

    step, found = step_of((4, 2, 1)), []
    for where in (step, step.to("cpu")):
        weight.grad = None
        where.backward(losses)
        found.append(weight.grad)
    assert torch.equal(*found)
