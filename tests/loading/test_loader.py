"""Any map-style dataset, on the levels that a schedule wants."""

import io
import json
import random

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, TensorDataset

from telegrad import GridHierarchy, Schedule, ScheduledLoader, Stage, restrict
from telegrad.schedules import (
    auto,
    cascadic,
    fullmultiscale,
    growing_patches,
    random_patches,
    single,
)

GRIDS = GridHierarchy(finest=(16, 16), levels=3)


def photos(number: int = 7, height: int = 24, width: int = 20) -> torch.Tensor:
    return torch.rand(number, 3, height, width, generator=torch.Generator().manual_seed(0))


class Pairs(Dataset):
    """Low and high resolution, a mask, a label, a name; augmented at random."""

    def __init__(self, scale: int = 2) -> None:
        self.high, self.scale = photos(), scale

    def __len__(self) -> int:
        return len(self.high)

    def __getitem__(self, k):
        brightness = 1 + 0.1 * torch.rand(()) + 0.1 * random.random() + 0.1 * np.random.rand()
        high = self.high[k] * brightness
        s = self.scale
        low = high.reshape(3, 24 // s, s, 20 // s, s).mean((2, 4))
        return {"high": high, "low": low, "label": k, "name": f"{k}.png", "time": torch.tensor(0.5)}


def steps_of(loader: ScheduledLoader) -> list:
    return list(loader)


def same(a, b) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


# --- what a step holds ----------------------------------------------------------------------------


def test_batches_have_the_sizes_and_numbers_of_the_schedule():
    schedule = auto(GRIDS, budget=6)
    for step, (number, stage_number, stage) in zip(
        ScheduledLoader(photos(), schedule), schedule.walk(), strict=True
    ):
        assert (step.number, step.stage, step.level) == (number, stage_number, stage.finest)
        assert step.batch.shape == (stage.batch_sizes[0], 3, *GRIDS.shape(stage.finest))
        assert step.work_units == schedule.step_cost(stage)


def test_a_coarse_crop_is_the_restriction_of_the_fine_one():
    """The stream's pick on a coarse level is what restricting the same pick gives."""
    fine = ScheduledLoader(photos(), Schedule(GRIDS, (Stage(5, 2, (3,)),)), seed=4)
    coarse = ScheduledLoader(photos(), Schedule(GRIDS, (Stage(5, 0, (3,)),)), seed=4)
    for a, b in zip(fine, coarse, strict=True):
        torch.testing.assert_close(restrict(restrict(a.batch)), b.batch)


def test_each_sample_serves_once_before_any_serves_again():
    loader = ScheduledLoader(Pairs(), Schedule(GRIDS, (Stage(7, 2, (2,)),)))
    labels = [k for step in loader for k in step.batch["label"].tolist()]
    assert sorted(labels[:7]) == sorted(labels[7:]) == list(range(7))
    assert labels[:7] != labels[7:]


def test_all_fields_of_a_pair_show_the_same_part_of_the_scene():
    class Places(Dataset):
        def __len__(self):
            return 3

        def __getitem__(self, k):
            rows = torch.arange(24.0).reshape(1, 24, 1).expand(1, 24, 20)
            columns = torch.arange(20.0).reshape(1, 1, 20).expand(1, 24, 20)
            high = torch.cat([rows, columns])
            return high, high.reshape(2, 12, 2, 10, 2).mean((2, 4))

    for step in ScheduledLoader(Places(), auto(GRIDS, budget=6)):
        high, low = step.batch
        torch.testing.assert_close(restrict(high), low)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_pairs_of_every_scale_names_and_labels_travel_along(scale):
    for step in ScheduledLoader(Pairs(scale), auto(GridHierarchy((16, 16), 2), budget=3)):
        batch, n = step.batch, step.batch_sizes[0]
        side = batch["high"].shape[-1]
        assert batch["low"].shape == (n, 3, side // scale, side // scale)
        assert batch["name"] == [f"{k}.png" for k in batch["label"].tolist()]
        assert batch["time"].shape == (n,)


def test_masks_and_tuples_with_rules_of_their_own():
    dataset = TensorDataset(photos(), torch.randint(2, (7, 24, 20)), torch.arange(7))
    loader = ScheduledLoader(dataset, auto(GRIDS, budget=6), restriction={1: "mask"})
    for step in loader:
        image, mask, label = step.batch
        assert image.shape[-2:] == mask.shape[-2:] == GRIDS.shape(step.level)
        assert mask.dtype == torch.int64 and label.shape == (len(image),)


def test_patches_have_a_levels_shape_and_the_finest_levels_pixels():
    images = torch.arange(24.0 * 20).reshape(1, 1, 24, 20)
    for step in ScheduledLoader(images, growing_patches(GRIDS)):
        patch = step.batch[0, 0]
        assert patch.shape == GRIDS.shape(step.level)
        assert patch[0, 1] - patch[0, 0] == 1
        if step.number > 2:
            break


@pytest.mark.parametrize("scales", [(2, 3), (4, 3), (8, 3)])
def test_fields_of_several_scales_show_the_same_part_of_the_scene(scales):
    high = torch.rand(1, 96, 120, generator=torch.Generator().manual_seed(0))
    fields = {f"x{s}": torch.nn.functional.avg_pool2d(high, s) for s in scales}
    schedule = single(GridHierarchy((48, 48), levels=1), steps=20, batch_size=1)
    for step in ScheduledLoader([{"high": high, **fields}], schedule):
        for s in scales:
            small = torch.nn.functional.avg_pool2d(step.batch["high"], s)
            torch.testing.assert_close(small, step.batch[f"x{s}"])


# --- the gradient ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["nested", "independent"])
def test_its_gradient_is_that_of_the_telescoping_sum(form):
    """With equal samples on all levels the sum is the finest level's gradient."""
    network = torch.nn.Conv2d(3, 3, 3, padding=1)

    def losses(x):
        return (network(x) - x).square().mean((1, 2, 3))

    stage = Stage(2, 2, (4, 4, 4) if form == "nested" else (2, 2, 2))
    for step in ScheduledLoader(photos(), Schedule(GRIDS, (stage,), form)):
        network.zero_grad()
        step.backward(losses)
        if form == "nested":
            own = network.weight.grad.clone()
            network.zero_grad()
            losses(step.batches[2]).mean().backward()
            torch.testing.assert_close(own, network.weight.grad)
        assert step.work_units == pytest.approx(4 if form == "nested" else 2 * (1.3125 + 0.3125))


def test_one_level_is_ordinary_training_with_the_mean_or_the_losses_of_samples():
    network = torch.nn.Conv2d(3, 3, 3, padding=1)
    (step,) = ScheduledLoader(photos(), Schedule(GRIDS, (Stage(1, 1, (4,)),)))
    gradients = []
    for of in (lambda x: (1, 2, 3), lambda x: (0, 1, 2, 3)):
        network.zero_grad()
        step.backward(lambda x, of=of: (network(x) - x).square().mean(of(x)))
        gradients.append(network.weight.grad.clone())
    network.zero_grad()
    (network(step.batch) - step.batch).square().mean().backward()
    torch.testing.assert_close(gradients[0], network.weight.grad)
    torch.testing.assert_close(gradients[1], network.weight.grad)


def test_a_batch_of_several_levels_is_for_backward():
    step = next(iter(ScheduledLoader(photos(), Schedule(GRIDS, (Stage(1, 2, (4, 2, 1)),)))))
    with pytest.raises(ValueError, match="sums over 3 levels; use step.backward"):
        _ = step.batch


# --- position, workers, processes -----------------------------------------------------------------


def saved(state: dict) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return file


def content(loader: ScheduledLoader) -> list:
    return [step.batches for step in loader]


def test_the_stream_is_the_same_for_any_number_of_workers():
    schedule = fullmultiscale(GRIDS, steps=[3, 2, 2], batch_sizes=[4, 2, 1])
    alone = content(ScheduledLoader(Pairs(), schedule, seed=3))
    with_workers = content(ScheduledLoader(Pairs(), schedule, seed=3, num_workers=2))
    assert same(alone, with_workers)
    assert not same(alone, content(ScheduledLoader(Pairs(), schedule, seed=4)))


@pytest.mark.parametrize("workers", [0, 2])
def test_it_goes_on_in_the_middle_of_a_stage_with_the_same_samples(workers):
    schedule = cascadic(GRIDS, steps=[4, 3, 2], batch_sizes=[4, 2, 1])
    whole = content(ScheduledLoader(Pairs(), schedule))
    first = ScheduledLoader(Pairs(), schedule, num_workers=workers)
    seen = []
    for step in first:
        seen.append(step.batches)
        if step.number == 4:
            break
    second = ScheduledLoader(Pairs(), schedule)
    second.load_state_dict(first.state_dict())
    assert (
        len(second) == len(first) == 9
    )  # as trainers want it that compare it with a step's number
    assert same(seen + content(second), whole)


@pytest.mark.parametrize(
    "schedule", [cascadic(GRIDS, (4, 3, 2), (4, 2, 1)), random_patches(GRIDS, 9, (8, 4, 2))]
)
def test_progress_is_the_same_wherever_one_goes_on(schedule):
    """To a later step, and back to an earlier one."""
    whole = [step.progress for step in ScheduledLoader(photos(), schedule)]
    loader = ScheduledLoader(photos(), schedule)
    for start in (5, 2):
        loader.seek(start, 0)
        assert [step.progress for step in loader] == pytest.approx(whole[start:])
    with pytest.raises(ValueError, match="no step 10; there are 9"):
        loader.seek(10, 0)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (cascadic(GridHierarchy((8, 8), 3), (4, 3, 2)), r"{'finest': \[8, 8\]} then, {'finest': \[16, 16\]}"),
        (cascadic(GridHierarchy((16, 16), 2), (4, 3)), "{'levels': 2} then, {'levels': 3} now"),
        (fullmultiscale(GRIDS, form="independent"), "{'form': 'independent'} then, {'form': 'nested'}"),
        (growing_patches(GRIDS), r"{'patches': 1.0} then, {'patches': 0.0} now; needs the same"),
    ],
)  # fmt: skip
def test_a_state_of_other_grids_form_or_patches_is_refused(other, says):
    """Its stages would be read on levels of other sizes, or their batch sizes as other samples."""
    state = ScheduledLoader(photos(), other).state_dict()
    with pytest.raises(ValueError, match=says):
        ScheduledLoader(photos(), cascadic(GRIDS, (4, 3, 2))).load_state_dict(state)


def test_a_state_is_plain_data():
    """No code runs where it is read, and JSON keeps it, also once a loss was reported."""
    schedule = cascadic(GRIDS, (4, 3, 2), (4, 2, 1))
    first = ScheduledLoader(photos(), schedule)
    for _ in range(5):
        first.next_step()
        first.report(torch.tensor(1.0, requires_grad=True) * 2)
    state = first.state_dict()
    expected = content(first)
    for again in (
        torch.load(saved(state), weights_only=True),
        json.loads(json.dumps(state)),
    ):
        second = ScheduledLoader(photos(), schedule)
        second.load_state_dict(again)
        assert same(expected, content(second))


def test_json_keeps_the_rules_of_fields_by_index_and_by_path():
    pairs = [((image, image > 0.5), image) for image in photos()]
    made = {"restriction": {(0, 1): "mask"}}
    schedule = cascadic(GRIDS, (4, 3, 2), (4, 2, 1))
    state = json.loads(json.dumps(ScheduledLoader(pairs, schedule, **made).state_dict()))
    ScheduledLoader(pairs, schedule, **made).load_state_dict(state)
    with pytest.raises(ValueError, match="'restriction'"):
        ScheduledLoader(pairs, schedule, restriction={"0.1": "injection"}).load_state_dict(state)


def test_every_process_takes_its_part():
    schedule = fullmultiscale(GRIDS, steps=[2, 2, 2], batch_sizes=[8, 4, 2])
    whole = content(ScheduledLoader(Pairs(), schedule))
    parts = [content(ScheduledLoader(Pairs(), schedule, rank=r, world=2)) for r in (0, 1)]
    for step, batches in enumerate(whole):
        for level, batch in batches.items():
            names = [None] * len(batch["name"])
            for r in (0, 1):
                names[r::2] = parts[r][step][level]["name"]
            assert names == batch["name"]


def test_a_loader_made_before_the_processes_is_refused(monkeypatch):
    """It would give each of them all samples."""
    early = ScheduledLoader(photos(), auto(GRIDS, batch_sizes=(8, 4, 2), budget=6))
    told = ScheduledLoader(photos(), auto(GRIDS, budget=6), rank=0, world=1)
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
    monkeypatch.setattr("torch.distributed.get_rank", lambda: 0)
    with pytest.raises(RuntimeError, match="process 0 of 1, before.*make it after init_process_gr"):
        next(iter(early))
    assert next(iter(told)).batch_sizes == (4,)


def test_a_stage_that_lowers_the_loss_no_more_is_left_early():
    schedule = cascadic(GRIDS, steps=[30, 30, 30], batch_sizes=[4, 2, 1])
    loader = ScheduledLoader(photos(), schedule)
    levels = []
    for step in loader:
        levels.append(step.level)
        loader.report(1.0)
    assert levels.count(0) < 30 and levels[-1] == 2
    assert loader.schedule.work_units == pytest.approx(schedule.work_units, rel=0.1)


def test_what_is_random_outside_stays_as_it_was():
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    expected = torch.rand(()), random.random(), np.random.rand()
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    content(ScheduledLoader(Pairs(), auto(GRIDS, budget=6)))
    assert (torch.rand(()), random.random(), np.random.rand()) == expected


def test_a_sample_serves_several_crops_once_it_is_opened():
    opened = []

    class Counted(Pairs):
        def __getitem__(self, k):
            opened.append(k)
            return super().__getitem__(k)

    loader = ScheduledLoader(Counted(), Schedule(GRIDS, (Stage(4, 1, (6,)),)), crops_per_sample=3)
    opened.clear()
    for step in loader:
        names = step.batch["name"]
        assert names[0] == names[1] == names[2] != names[3]
    assert len(opened) == 4 * 6 / 3


@pytest.mark.parametrize(
    "other",
    [
        auto(GRIDS, budget=500),
        cascadic(GRIDS, (400, 400, 400), (16, 8, 4)),
        cascadic(GRIDS, (4, 3, 2), (8, 4, 2)),
    ],
    ids=["longer", "other lengths", "other batches"],
)
def test_a_state_does_not_put_away_another_schedule(other):
    state = ScheduledLoader(photos(), cascadic(GRIDS, (4, 3, 2), (4, 2, 1))).state_dict()
    with pytest.raises(ValueError, match=r"another schedule .*loader.seek\(step, state\['posi"):
        ScheduledLoader(photos(), other).load_state_dict(state)


def test_another_schedule_goes_on_in_the_same_stream():
    """As the error of another schedule's state says."""
    short, long = (cascadic(GRIDS, (n, n, n), (4, 2, 1)) for n in (2, 4))
    first = ScheduledLoader(photos(), short)
    for _ in range(2):
        first.next_step()
    second = ScheduledLoader(photos(), long)
    second.seek(2, first.state_dict()["position"])
    expected = content(ScheduledLoader(photos(), long))[2:]
    assert same(content(second), expected)


def test_a_state_of_another_restriction_is_refused():
    schedule = cascadic(GRIDS, (4, 3, 2))
    state = ScheduledLoader(photos(), schedule).state_dict()
    other = ScheduledLoader(photos(), schedule, restriction="injection")
    with pytest.raises(ValueError, match="{'restriction': 'averaging'} then, .*'injection'} now"):
        other.load_state_dict(state)


@pytest.mark.parametrize("state", [None, {}, {"a": 1}, "state.pt"])
def test_what_is_no_state_is_refused(state):
    loader = ScheduledLoader(photos(), cascadic(GRIDS, (4, 3, 2)))
    with pytest.raises(TypeError, match=r"load_state_dict: got .* needs what its state_dict\(\) "):
        loader.load_state_dict(state)


def test_numbers_of_numpy_become_plain_data():
    of_numpy = cascadic(GRIDS, tuple(np.array([3, 2, 1])), tuple(np.array([4, 2, 1])))
    loader = ScheduledLoader(photos(), of_numpy, seed=np.int64(3), crops_per_sample=np.int64(2))
    plain = ScheduledLoader(
        photos(), cascadic(GRIDS, (3, 2, 1), (4, 2, 1)), seed=3, crops_per_sample=2
    )
    state = torch.load(saved(loader.state_dict()), weights_only=True)
    assert state == plain.state_dict()
    assert same(content(loader), content(plain))
