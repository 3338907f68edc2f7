"""A schedule in one's own training loop: batches on its levels, from torch's DataLoader."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any

import torch
import torch.distributed
from torch.utils.data import DataLoader

from telegrad.loading.ahead import ahead
from telegrad.loading.dataset import check_first_sample, number_of_samples, rules_for
from telegrad.loading.pace import Pace
from telegrad.loading.picks import Draws, Pick, Picks, TorchDraws, mixed
from telegrad.loading.samples import Samples
from telegrad.loading.state import check_state
from telegrad.loading.step import Step
from telegrad.mge.numbers import is_whole
from telegrad.mge.restriction import Rules, names_of
from telegrad.mge.weights import shell_sizes
from telegrad.schedules import EarlyStop, Schedule, Stage

OWN_OPTIONS = {
    *("batch_size", "shuffle", "sampler", "batch_sampler", "drop_last"),
    *("collate_fn", "generator", "dataset", "in_order"),
}
"""Of torch's DataLoader, that the loader sets itself."""


class ScheduledLoader:
    """The steps of a schedule, with their batches, from any map-style dataset.

    Sizes and batch sizes travel in the sampler's indices to the workers of one DataLoader, which is
    never rebuilt between stages; cropping and restricting happen there. The stream of samples is
    the same for any number of workers, and goes on anywhere (`state_dict`).

    >>> import telegrad, torch
    >>> from telegrad import GridHierarchy
    >>> from telegrad.schedules import auto
    >>> images = torch.rand(20, 3, 40, 48)
    >>> schedule = auto(GridHierarchy(finest=(32, 32), levels=3), budget=40)
    >>> network = torch.nn.Conv2d(3, 3, 3, padding=1)
    >>> def losses(clean):
    ...     return (network(clean + 0.1 * torch.randn_like(clean)) - clean).square().mean((1, 2, 3))
    >>> optimizer = torch.optim.Adam(network.parameters())
    >>> learning_rate = telegrad.WorkLR(optimizer)
    >>> for step in ScheduledLoader(images, schedule):
    ...     optimizer.zero_grad(set_to_none=True)
    ...     estimate = step.backward(losses)
    ...     optimizer.step()
    ...     learning_rate.step(step)
    >>> step.number + 1 == schedule.steps, step.level, step.progress
    (True, 2, 1.0)

    Args:
        dataset: map-style, or one that has its samples on every level (`telegrad.data.Pyramid`,
            `OnLevels`). `dataset[k]` is a tensor, or a tuple, list or dictionary of tensors and
            other things (labels, file names). Fields (c, h, w) lie on the grids. The largest has
            the schedule's size or more; others may be smaller by a factor of 2, 3, 4 or 8, as the
            low-resolution image of a pair. All get the same random crop. A tensor (n, c, h, w) is a
            dataset too.
        schedule: such as `telegrad.schedules.auto(grids, budget)`.
        restriction: how fields are carried to the next coarser level; see `restrict`. By default
            averaging, or the rule of a dataset that has its samples on every level; another than
            that is refused, as the sum would not telescope.
        seed: of the order of samples, the crops, and what is random in the dataset itself.
        num_workers, pin_memory: as for torch's DataLoader.
        device: where tensors are to be; on a GPU they are copied while the step before computes,
            for which they need pin_memory. By default they stay where they are.
        crops_per_sample: crops that are taken of a sample once it is opened. More than one spare
            time where opening is what costs; the crops of a step are then more alike.
        draws: what is random about order and crops, if other than by the seed.
        clock: in seconds, for schedules with a budget of time.
        rank, world: of several processes that share the schedule's batches; by default those of
            torch.distributed, if that is in use.
        more: other arguments of torch's DataLoader, such as `prefetch_factor`.

    Raises:
        TypeError, ValueError: for a dataset without length, on other levels or by another rule than
            the schedule's, or with a first sample that can't be used on all levels; a restriction
            of a field that it doesn't have; batch sizes that can't be divided among the processes;
            or arguments that are not torch's, or not yours to give, such as `shuffle`.
    """

    def __init__(
        self,
        dataset: Any,
        schedule: Schedule,
        *,
        restriction: Rules | None = None,
        seed: int = 0,
        num_workers: int = 0,
        pin_memory: bool = False,
        device: torch.device | str | None = None,
        crops_per_sample: int = 1,
        draws: Draws | None = None,
        clock: Callable[[], float] = time.perf_counter,
        rank: int | None = None,
        world: int | None = None,
        **more: Any,
    ) -> None:
        if not isinstance(schedule, Schedule):
            raise TypeError(f"ScheduledLoader: schedule={schedule!r}; needs a Schedule.")
        if not (is_whole(seed) and is_whole(crops_per_sample) and crops_per_sample >= 1):
            raise ValueError(
                f"ScheduledLoader: seed={seed!r}, crops_per_sample={crops_per_sample!r}; needs "
                f"whole numbers, the second 1 or more."
            )
        if schedule.needs_a_run:
            raise ValueError(
                "ScheduledLoader: the schedule has heats or stages with a learning rate of their "
                "own, and a loader has neither weights to put back nor a rate. Train with the "
                "strategy that made it, such as Race, or use a schedule without."
            )
        self.schedule, self.seed, self._given = schedule, int(seed), schedule
        self.restriction = rules_for(dataset, restriction)
        self._given_place = rank, world
        self.rank, self.world = _place(rank, world)
        self.device = None if device is None else torch.device(device)
        self.crops, self.draws = int(crops_per_sample), draws or TorchDraws(self.seed)
        self._number = number_of_samples(dataset)
        self._samples = Samples(dataset, schedule.grids, self.restriction, self.seed, self.crops)
        self._options = {"num_workers": num_workers, "pin_memory": pin_memory, **more}
        self._early_stop: EarlyStop | None = None
        self._pace: Pace | None = None
        if schedule.seconds is not None:
            self._pace = Pace(schedule, clock, self.world)
            self.schedule = self._pace.begun()
        self._progress = 0.0
        self._done = self._position = 0
        self._work = 0.0
        self._batches: Iterator[dict[int, Any]] | None = None
        self._picks: Picks | None = None
        self._check_batch_sizes()
        self._check_options()
        check_first_sample(self._samples, self.schedule, self._looked_at)

    def __len__(self) -> int:
        """Steps of the schedule, also those that are done: it stays the same while one goes on.

        Raises:
            TypeError: with a budget of time, until it is used up: how many fit is found out as it
                goes. Trainers then take it for a loader without a length.
        """
        if self._pace is not None and self._done < self.schedule.steps:
            raise TypeError(
                "len(ScheduledLoader): the schedule has a budget of time, so that its steps are "
                "known at its end. What needs them before needs a schedule of steps or work units."
            )
        return self.schedule.steps

    def __iter__(self) -> Iterator[Step]:
        """The steps from where it is, to the end.

        Raises:
            ValueError: for a sample that can't be used.
            RuntimeError: if a worker dies; the loader then stands before the step that it was for.
                If it was made before the processes of torch.distributed.
        """
        try:
            while self._done < self.schedule.steps:
                yield self.next_step()
        finally:
            self._batches = None  # ends its workers
            if self._pace is not None:
                self._pace.stop(self.schedule, self._done)

    def next_step(self) -> Step:
        """The step after the last one that it gave.

        Raises:
            As iterating does; ValueError if there is none, or a budget of time is too small for one
            step of each stage.
        """
        self.schedule.at(self._done)
        fitted = None if self._pace is None else self._pace.looked_at(self.schedule, self._done)
        if fitted is not None:
            self._follow(fitted)
        self._batches = self._batches or self._started()
        try:
            batches = next(self._batches)
        except BaseException:
            self._batches = None
            raise
        step = self._step(batches)
        self._done, self._position = step.number + 1, self._position + self._picks_of(step)
        self._work += step.work_units
        return step

    @property
    def position(self) -> int:
        """Picks of all steps that it gave, of all processes."""
        return self._position

    def seek(self, step: int, position: int) -> None:
        """Goes on with that step, counted from 0, and that pick of the stream.

        Progress is then that of the schedule, and what `report` was told is forgotten.

        Raises:
            ValueError: for a step that the schedule doesn't have.
        """
        self._work = self.schedule.work_before(step)
        self._done, self._position, self._batches = step, position, None
        self._progress, self._early_stop = 0.0, None

    def report(self, loss: float | torch.Tensor) -> bool:
        """Tells the validation loss, so that a stage that lowers it no more is left early.

        Of several processes all must tell one, and that of the first counts for all.

        Returns:
            whether the stage was left.

        Source: see `telegrad.schedules.EarlyStop`.
        """
        told = [float(torch.as_tensor(loss).detach())]  # the state is plain data
        if self.world > 1 and torch.distributed.is_initialized():
            torch.distributed.broadcast_object_list(told)
        (loss,) = told
        timing = self._pace is not None and self._pace.is_timing(self.schedule, self._done)
        if self._done == 0 or timing:
            return False
        self._early_stop = self._early_stop or EarlyStop()
        if self._early_stop.look(self.schedule, self._done, self._work, loss) is None:
            return False
        self._follow(self.schedule.next_stage(self._done))
        return True

    def state_dict(self) -> dict[str, Any]:
        """Where it is, after the last step that it gave: plain data."""
        return {
            "done": self._done,
            "position": self._position,
            "work": self._work,
            "stages": [asdict(stage) for stage in self.schedule.stages],
            "given": [asdict(stage) for stage in self._given.stages],
            "early_stop": None if self._early_stop is None else asdict(self._early_stop),
            "pace": None if self._pace is None else self._pace.state_dict(),
            **self._stream(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where `state_dict` was: with the same samples, in the same order.

        Another schedule can go on with the same stream: `seek(step, state["position"])`.

        Raises:
            TypeError: for what `state_dict` did not give.
            ValueError: if the schedule that it was made with, restriction, seed, crops, the number
                of samples, grids, form or patches are others than then.
        """
        check_state(state, self._stream(), self._given, self._pace is not None)
        stages = tuple(Stage(**stage) for stage in state["stages"])
        self.schedule = Schedule(
            self.schedule.grids, stages, self.schedule.form, self.schedule.patches
        )
        self.seek(state["done"], state["position"])
        self._work, self._progress = state["work"], 0.0
        early_stop = state["early_stop"]
        self._early_stop = None if early_stop is None else EarlyStop(**early_stop)
        if self._pace is not None:
            self._pace.load_state_dict(state["pace"])

    def _stream(self) -> dict[str, Any]:
        """What decides, beside stages and position, which samples come and how they lie."""
        schedule = self.schedule
        return {
            "seed": self.seed,
            "samples": self._number,
            "crops": self.crops,
            "finest": list(schedule.grids.finest),
            "levels": schedule.grids.levels,
            "form": schedule.form,
            "patches": schedule.patches,
            "restriction": names_of(self.restriction),
        }

    def _follow(self, schedule: Schedule) -> None:
        """Goes on with another schedule; with what has been read ahead, if that is the same."""
        reads_ahead = self._options["num_workers"] * (self._options.get("prefetch_factor") or 2)
        if self._picks is not None and _agree(self.schedule, schedule, self._done, reads_ahead):
            self._picks.schedule = schedule
        else:
            self._batches = None
        self.schedule = schedule

    def _started(self) -> Iterator[dict[int, Any]]:
        if _place(*self._given_place) != (self.rank, self.world):
            raise RuntimeError(
                f"ScheduledLoader: made as process {self.rank} of {self.world}, before "
                f"torch.distributed was in use; make it after init_process_group, or each process "
                f"would take all samples."
            )
        self._picks = Picks(
            *(self._number, self.schedule, self.draws, self._done, self._position),
            *(self.rank, self.world, self.crops),
        )
        try:
            steps = iter(self._torch_loader(self._picks))
            yield from steps if self.device is None else ahead(steps, self.device)
        except RuntimeError as error:
            if "DataLoader worker (pid" not in str(error):  # so torch tells of one that died
                raise
            raise RuntimeError(
                f"ScheduledLoader: {error}. It stands before step {self._done}; save its "
                f"state_dict(), and go on with fewer workers or more memory."
            ) from error

    def _torch_loader(
        self, picks: Iterable[list[Pick]] | None, **instead: Any
    ) -> DataLoader[dict[int, Any]]:
        return DataLoader(
            self._samples,
            batch_sampler=picks,
            collate_fn=self._samples.collated,
            generator=torch.Generator().manual_seed(mixed(self.seed, 4, self._position)),
            **(self._options | instead),
        )

    def _looked_at(self, picks: list[Pick]) -> list[dict[int, Any]]:
        """A batch of each; read by a worker where there are any, as they would share what a dataset
        opens here."""
        workers = min(self._options["num_workers"], 1)
        one_each = [[pick] for pick in picks]
        return list(self._torch_loader(one_each, num_workers=workers, pin_memory=False))

    def _check_options(self) -> None:
        """Raises ValueError for options that the schedule decides, or torch refuses."""
        for name in OWN_OPTIONS & self._options.keys():
            raise ValueError(
                f"ScheduledLoader: {name}={self._options[name]!r}; the schedule decides how "
                f"samples come together, so leave {name} out."
            )
        try:
            self._torch_loader(None)
        except (TypeError, ValueError) as error:
            raise type(error)(f"ScheduledLoader: {error}") from error

    def _step(self, batches: dict[int, Any]) -> Step:
        number, stage = self.schedule.at(self._done)
        cost = self.schedule.step_cost(stage)
        last = self._done + 1 == self.schedule.steps
        part = 1.0 if last else min((self._work + cost) / self.schedule.work_units, 1.0)
        self._progress = max(part, self._progress)  # it may have been planned to be shorter
        return Step(
            number=self._done,
            stage=number,
            level=stage.finest,
            batches=batches,
            grids=self.schedule.stage_grids(stage),
            batch_sizes=tuple(n // self.world for n in stage.batch_sizes),
            work_units=cost,
            progress=self._progress,
            form=self.schedule.form,
            alphas=stage.alphas,
            restriction=self.restriction,
        )

    def _picks_of(self, step: Step) -> int:
        """Picks of a step, of all processes."""
        sizes = tuple(n * self.world for n in step.batch_sizes)
        return sum(shell_sizes(sizes, self.schedule.form))

    def _check_batch_sizes(self) -> None:
        for number, stage in enumerate(self.schedule.stages):
            if any(n % self.world for n in stage.batch_sizes):
                raise ValueError(
                    f"ScheduledLoader: batch sizes {stage.batch_sizes} of stage {number} can't be "
                    f"divided among {self.world} processes; use multiples of {self.world}."
                )


def _place(rank: int | None, world: int | None) -> tuple[int, int]:
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    if world is None:
        world = torch.distributed.get_world_size() if distributed else 1
    if rank is None:
        rank = torch.distributed.get_rank() if distributed else 0
    if not 0 <= rank < world:
        raise ValueError(f"ScheduledLoader: rank={rank} of world={world}; needs 0 ≤ rank < world.")
    return rank, world


def _agree(a: Schedule, b: Schedule, done: int, ahead: int) -> bool:
    """Whether the next steps, up to so many ahead, are the same."""
    if done + ahead >= min(a.steps, b.steps):
        return False
    steps = range(done, done + ahead + 1)
    return all(replace(a.at(k)[1], steps=1) == replace(b.at(k)[1], steps=1) for k in steps)
