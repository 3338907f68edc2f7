"""DistributedDataParallel: two processes have the gradient of one with all their samples."""

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from processes import in_two_processes
from torch import distributed, nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel

from telegrad import GridHierarchy, Schedule, ScheduledLoader, Stage
from telegrad.schedules import cascadic

GRIDS = GridHierarchy(finest=(16, 16), levels=3)
PHOTOS = torch.rand(7, 3, 24, 20, generator=torch.Generator().manual_seed(0)).double()
SCHEDULES = {
    "one level": Schedule(GRIDS, (Stage(2, 1, (4,)),)),
    "nested": Schedule(GRIDS, (Stage(2, 2, (8, 4, 2)),)),
    "nested, a level left out": Schedule(GRIDS, (Stage(2, 2, (4, 4, 2)),)),
    "nested, with coefficients": Schedule(GRIDS, (Stage(2, 2, (8, 4, 2), alphas=(0.5, 0.8)),)),
    "independent": Schedule(GRIDS, (Stage(2, 2, (4, 2, 2)),), "independent"),
}
PASSES = {"one level": 1, "nested, a level left out": 2, "independent": 5}


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 1)).double()


def gradients(model, schedule, no_sync):
    """Gradient and loss of two steps, without an update between."""
    for step in ScheduledLoader(PHOTOS, schedule):
        model.zero_grad()
        losses = lambda x: (model(x) - x).square().mean((1, 2, 3))  # noqa: E731
        loss = step.backward(losses, no_sync=no_sync).loss
        yield torch.cat([p.grad.flatten() for p in model.parameters()]), loss


def of_a_process(rank, directory):
    distributed.init_process_group("gloo")
    exchanges = []

    def counting(group, bucket):
        exchanges.append(bucket.index())
        return allreduce_hook(group, bucket)

    found = {}
    for name, schedule in SCHEDULES.items():
        for once in (False, True):
            model = DistributedDataParallel(network())
            model.register_comm_hook(None, counting)
            exchanges.clear()
            steps = list(gradients(model, schedule, model.no_sync if once else nullcontext))
            found[name, once] = steps, len(exchanges) / 2
    loader = ScheduledLoader(PHOTOS, cascadic(GridHierarchy((16, 16), 2), (60, 4), (2, 2)))
    for step in loader:  # one process sees no progress, the other does
        loader.report(1.0 if rank == 0 else 1 / (1 + step.number))
    found["lengths"] = loader.schedule.lengths
    torch.save(found, Path(directory, f"{rank}.pt"))
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    directory = tmp_path_factory.mktemp("ddp")
    in_two_processes(of_a_process, directory)
    return [torch.load(directory / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("name", SCHEDULES)
def test_the_gradient_is_that_of_one_process_with_all_samples(name, once, found):
    alone = list(gradients(network(), SCHEDULES[name], nullcontext))
    (first, exchanges), (second, _) = (process[name, once] for process in found)
    for (gradient, loss), (own, own_loss), (other, other_loss) in zip(
        alone, first, second, strict=True
    ):
        torch.testing.assert_close(own, gradient)
        assert torch.equal(own, other)
        torch.testing.assert_close((own_loss + other_loss) / 2, loss)
    assert exchanges == (1 if once else PASSES.get(name, 3))


def test_what_the_first_process_reports_counts_for_all(found):
    first, second = (process["lengths"] for process in found)
    assert first == second
    assert first[0] < 60
