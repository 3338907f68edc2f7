"""What a loader is given: samples, options of torch's loader, and workers that read them."""

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from telegrad import GridHierarchy, Schedule, ScheduledLoader, Stage
from telegrad.schedules import auto, fullmultiscale, single

GRIDS = GridHierarchy(finest=(16, 16), levels=3)


def photos(number: int = 7) -> torch.Tensor:
    return torch.rand(number, 3, 24, 20, generator=torch.Generator().manual_seed(0))


def of(function, number: int = 5) -> Dataset:
    class Odd(Dataset):
        def __len__(self):
            return number

        def __getitem__(self, k):
            return function(k)

    return Odd()


BAD_FIRST = [
    (lambda k: torch.zeros(3, 8, 40), "sample 0, for level 0: it has 8×40 pixels, smaller than"),
    (lambda k: None, "sample 0, for level 0: the dataset returned None"),
    (lambda k: np.zeros((3, 16, 16)), "the dataset returned a ndarray"),
    (lambda k: {"x": np.zeros((3, 16, 16)), "y": torch.zeros(3, 16, 16)}, "torch.as_tensor"),
    (lambda k: torch.zeros(16), r"no field \(c, h, w\) lies on the grids"),
    (lambda k: torch.zeros(3, 16, 16, dtype=torch.uint8), "can't be averaged; convert it"),
    (
        lambda k: (torch.zeros(3, 16, 16), torch.zeros(3, 11, 11)),
        r"field 1 of shape \(3, 11, 11\) beside one of 16×16; needs",
    ),
    (lambda k: 1 / 0, r"sample 0, for level 0 can't be read \(ZeroDivisionError"),
]


@pytest.mark.parametrize(("function", "why"), BAD_FIRST)
def test_a_first_sample_that_can_not_be_used_is_refused_at_once(function, why):
    with pytest.raises(ValueError, match=why):
        ScheduledLoader(of(function), auto(GRIDS, budget=6))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_later_one_is_named_with_its_level(workers):
    def function(k):
        return torch.zeros(3, 8 if k == 3 else 16, 16)

    loader = ScheduledLoader(of(function), auto(GRIDS, budget=6), num_workers=workers)
    with pytest.raises(ValueError, match="sample 3, for level 0: it has 8×16 pixels"):
        list(loader)


def test_samples_that_do_not_fit_together_are_named():
    loader = ScheduledLoader(of(lambda k: torch.zeros(1 + k % 2, 16, 16)), auto(GRIDS, budget=6))
    with pytest.raises(ValueError, match=r"samples \d and \d don't fit together on level 0"):
        list(loader)


def test_a_worker_that_dies_is_told_and_the_position_is_kept():
    def function(k):
        if k == 3 and torch.utils.data.get_worker_info() is not None:
            import os

            os._exit(1)
        return torch.zeros(3, 16, 16)

    loader = ScheduledLoader(
        of(function), Schedule(GRIDS, (Stage(9, 0, (1,)),)), num_workers=1, prefetch_factor=1
    )
    seen = []
    with pytest.raises(RuntimeError, match=r"It stands before step \d; save its state_dict\(\)"):
        for step in loader:
            seen.append(step.number)
    assert loader.state_dict()["done"] == len(seen)


@pytest.mark.parametrize("schedule", [single(GRIDS), auto(GRIDS, budget=6), fullmultiscale(GRIDS)])
def test_a_rule_for_a_field_that_there_is_not_is_refused_at_once(schedule):
    samples = of(lambda k: {"image": torch.zeros(3, 16, 16), "noise": torch.zeros(3, 16, 16)})
    with pytest.raises(ValueError, match="a rule for 'nosie'.*did you mean 'noise'"):
        ScheduledLoader(samples, schedule, restriction={"nosie": "white_noise"})
    ScheduledLoader(samples, schedule, restriction={"noise": "white_noise"})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"shuffle": True}, "shuffle=True; the schedule decides"),
        ({"in_order": False}, "in_order=False; the schedule decides"),
        ({"batch_size": 4}, "batch_size=4; the schedule decides"),
        ({"collate_fn": list}, "leave collate_fn out"),
        ({"foo": 1}, "ScheduledLoader: .*foo"),
        ({"num_workers": -1}, "ScheduledLoader: .*num_workers"),
        ({"prefetch_factor": 4}, "ScheduledLoader: prefetch_factor"),
    ],
)
def test_options_of_torch_s_loader_that_can_t_be_are_refused_at_once(options, says):
    with pytest.raises((TypeError, ValueError), match=says):
        ScheduledLoader(photos(), auto(GRIDS, budget=6), **options)


def test_what_a_dataset_opens_on_its_first_sample_is_opened_by_workers():
    """An open file that processes share has one position for all of them."""
    opened_here = []

    def function(k):
        if torch.utils.data.get_worker_info() is None:
            opened_here.append(k)
        return torch.zeros(3, 16, 16)

    loader = ScheduledLoader(of(function), auto(GRIDS, budget=6), num_workers=2)
    assert len(list(loader)) == loader.schedule.steps
    assert not opened_here
    with pytest.raises(ValueError, match="no field"):
        ScheduledLoader(of(lambda k: torch.zeros(16)), auto(GRIDS, budget=6), num_workers=1)


def test_workers_are_seeded_by_the_seed_and_where_the_loader_stands():
    def numbers(seed, skipped=0):
        samples = of(lambda k: (torch.zeros(3, 16, 16), own_number()))
        loader = ScheduledLoader(samples, single(GRIDS, 6, 2), seed=seed, num_workers=1)
        for _ in range(skipped):
            loader.next_step()
        loader.load_state_dict(loader.state_dict())
        return loader.next_step().batch[1].tolist()

    assert numbers(0) == numbers(0)
    assert len({tuple(numbers(0)), tuple(numbers(7)), tuple(numbers(0, skipped=2))}) == 3


def own_number():
    """As libraries do whose randomness torch does not seed."""
    info = torch.utils.data.get_worker_info()
    return 0.0 if info is None else np.random.default_rng(info.seed).random()


def test_arguments_of_the_wrong_kind_are_refused_at_once():
    schedule = auto(GRIDS, budget=6)
    with pytest.raises(TypeError, match="has no length; needs a map-style dataset"):
        ScheduledLoader(iter([1]), schedule)
    with pytest.raises(ValueError, match="the dataset is empty"):
        ScheduledLoader([], schedule)
    with pytest.raises(TypeError, match="needs a Schedule"):
        ScheduledLoader(photos(), GRIDS)
    with pytest.raises(ValueError, match="can't be divided among 3 processes"):
        ScheduledLoader(photos(), schedule, rank=0, world=3)
    with pytest.raises(ValueError, match="needs 0 ≤ rank < world"):
        ScheduledLoader(photos(), schedule, rank=2, world=2)
    with pytest.raises(ValueError, match="crops_per_sample=0"):
        ScheduledLoader(photos(), schedule, crops_per_sample=0)
    other = ScheduledLoader(photos(9), schedule).state_dict()
    with pytest.raises(ValueError, match="'samples': 9.* then, .*'samples': 7.* now"):
        ScheduledLoader(photos(7), schedule).load_state_dict(other)


IMAGE = torch.zeros(3, 16, 16)


@pytest.mark.parametrize(
    ("one", "others", "parts"),
    [
        ({"x": IMAGE}, {"x": IMAGE, "weight": 1.0}, ["{}", "{'weight': 'float'}"]),
        ({"x": IMAGE, "weight": 1.0}, {"x": IMAGE}, ["{'weight': 'float'}", "{}"]),
        (IMAGE, IMAGE.double(), ["(3, 16, 16)}", "torch.float64)}"]),
        ({"x": IMAGE, "n": None}, {"x": IMAGE, "n": "a"}, ["{'n': 'NoneType'}", "{'n': 'str'}"]),
        ({"x": IMAGE, "n": 1}, {"x": IMAGE, "n": 1.5}, ["{'n': 'int'}", "{'n': 'float'}"]),
        ((IMAGE, "a"), (IMAGE,), ["{1: 'str'}", "{}"]),
    ],
)
@pytest.mark.parametrize("workers", [0, 1])
def test_samples_of_other_fields_or_types_are_named(one, others, parts, workers):
    """Never is a field dropped, or a batch's type that of whichever sample comes first."""
    samples = of(lambda k: one if k == 1 else others)
    loader = ScheduledLoader(samples, single(GRIDS, 3, 4), num_workers=workers)
    with pytest.raises(ValueError, match="don't fit together on level 2: fields of") as caught:
        list(loader)
    assert all(part in str(caught.value) for part in parts)


def test_what_torch_can_not_join_is_told_with_its_sample():
    samples = of(lambda k: {"x": IMAGE, "nothing": None})
    with pytest.raises(ValueError, match=r"can't come together in a batch on level 2.*NoneType"):
        ScheduledLoader(samples, single(GRIDS, 3, 2))


def test_sizes_between_the_levels_keep_the_scale_of_pairs():
    pairs = of(lambda k: {"gt": torch.rand(3, 48, 48), "lq": torch.rand(3, 16, 16)})
    grids = GridHierarchy((48, 48), levels=2)
    with pytest.raises(ValueError, match="'lq', 3 times smaller than the largest, beside 32×32"):
        ScheduledLoader(pairs, Schedule(grids, (Stage(2, 1, (2,), shape=(32, 32)),)))
    schedule = Schedule(grids, (Stage(2, 1, (2,), shape=(36, 36)),))
    for step in ScheduledLoader(pairs, schedule):
        assert step.batch["gt"].shape[-1] == 3 * step.batch["lq"].shape[-1] == 36
