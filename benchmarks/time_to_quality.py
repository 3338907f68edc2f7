"""Quality against seconds: `auto` beside the ways in which people train restoration networks.

    python benchmarks/time_to_quality.py --photographs BSDS500 --testsets TESTSETS
    python benchmarks/time_to_quality.py --photographs BSDS500 --testsets TESTSETS \\
        --problems denoising --seconds 600
    python benchmarks/time_to_quality.py --photographs BSDS500 --testsets TESTSETS --pairs POLYU \\
        --problems real_nafnet --seconds 240 --most 60 --finalists 1
    python benchmarks/time_to_quality.py --photographs BSDS500 --testsets TESTSETS \\
        --problems denoising_unet_32 denoising_nafnet_32 --seconds 600 --finalists 3 \\
        --device cuda --precision bf16-mixed --name time_to_quality_gpu

BSDS500 holds `train` and `val`, TESTSETS a folder for each standard set; the images of `val` that
CBSD68 has too are left out, and the rest is what everything is chosen by. POLYU holds the pairs
`*_real.JPG` and `*_mean.JPG` of Xu et al., 2018; a quarter of what they show is to test on, another
to choose by. Each contender is tuned at an eighth of the seconds: each of its knobs at one learning
rate, then the best at the others, and beyond the last of them as long as that gains. What is best
there may be too high later: for the largest budget lower rates are tried as long as they gain. The
best baselines, with both rates, and ours then run for an eighth, a quarter, half and all of the
seconds, with each seed; the others only for all of them, with the first. Test sets are measured at
the end.

Seconds are those that steps take on a quiet machine (see timed_runs.py), without start-up; `auto`
also pays for the validations that it needs. Every finished run is a row of
results/time_to_quality_runs.csv, and is never made again; a stopped one goes on. `--only_table`
makes the tables of the rows that there are.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from contenders import CONTENDERS, PROBLEMS, Contender, contenders_of
from table import RESULTS
from time_to_quality_table import publish_tables
from timed_runs import Job, Paces, Place, append, locked, rows, shapes_of, train

PARTS = (8, 4, 2, 1)
"""Budgets are all of the seconds, divided by these; tuning is at the first."""


class Runs:
    """Results of runs, made several at a time, kept in a file."""

    def __init__(self, o: argparse.Namespace, place: Place) -> None:
        self.file, self.place = RESULTS / f"{o.name}_runs.csv", place
        self.paces = Paces(o.name)
        self.pool = multiprocessing.get_context("spawn").Pool(o.processes, maxtasksperchild=8)

    def __call__(self, jobs: Iterable[Job], tested: bool = False) -> list[dict[str, str]]:
        """The rows of jobs, in their order, after making those that are missing."""
        jobs = list(jobs)
        missing = [job for job in jobs if self._row(job, tested) is None]
        tasks = [
            (job, self.place, self.paces, self.place.sets_of(PROBLEMS[job.problem], tested))
            for job in missing
        ]
        for row in self.pool.imap_unordered(_train, tasks):
            with locked(self.file):
                append(self.file, row)
            print(row, flush=True)
        found = [self._row(job, tested) for job in jobs]
        return [row for row in found if row is not None]

    def time_steps(self, problem: str, o: argparse.Namespace) -> None:
        """Those of all that is to be tried, by turns; before anything else runs."""
        shapes = set()
        for name, c in contenders_of(PROBLEMS[problem]).items():
            for knobs in c.knobs:
                job = Job.of(problem, name, c, knobs, c.rates[0], o.seconds, o.seeds[0])
                shapes |= shapes_of(job.config(self.place))
        self.paces.known(problem, shapes, self.place)

    def _row(self, job: Job, tested: bool) -> dict[str, str] | None:
        columns = PROBLEMS[job.problem].sets if tested else ()
        for row in rows(self.file):
            same = all(row[name] == value for name, value in job.key.items())
            if same and all(row.get(name) for name in columns):
                return row
        return None


def _train(task: tuple[Job, Place, Paces, list[str]]) -> dict[str, str]:
    return train(*task)


def tuned(problem: str, name: str, c: Contender, o: argparse.Namespace, runs: Runs) -> Job:
    """The job at an eighth of the seconds with the best knobs and learning rate."""
    seconds, seed = o.seconds / PARTS[0], o.seeds[0]
    middle = c.rates[c.first_rate]
    tried = [Job.of(problem, name, c, knobs, middle, seconds, seed) for knobs in c.knobs]
    best = _best(tried, runs(tried))
    more = [Job.of(problem, name, c, best.knobs, rate, seconds, seed) for rate in c.rates]
    best = _best(more, runs(more))
    ends = {min(c.rates): 0.5, max(c.rates): 2.0}
    if len(c.rates) == 1 or best.learning_rate not in ends:
        return best
    return beyond(best, ends[best.learning_rate], runs)


def beyond(best: Job, factor: float, runs: Runs) -> Job:
    """The job with the rate that is multiplied so as long as that gains."""
    while True:
        pair = [best, replace(best, learning_rate=best.learning_rate * factor)]
        if _best(pair, runs(pair)) is best:
            return best
        best = pair[1]


def _best(jobs: list[Job], found: list[dict[str, str]]) -> Job:
    quality = [float(row["choices"]) for row in found]
    return jobs[quality.index(max(quality))]


def compare(problem: str, o: argparse.Namespace, runs: Runs) -> None:
    """All runs of a problem."""
    best = {}
    runs.time_steps(problem, o)
    for name, contender in contenders_of(PROBLEMS[problem]).items():
        if o.contenders is None or name in o.contenders:
            best[name] = tuned(problem, name, contender, o, runs)
    if o.only_tuning:
        return
    quality = {name: float(runs([job])[0]["choices"]) for name, job in best.items()}
    baselines = sorted(
        (name for name in best if not CONTENDERS[name].ours), key=lambda name: -quality[name]
    )
    finalists = [*baselines[: o.finalists], *(name for name in best if CONTENDERS[name].ours)]
    budgets = [s for part in PARTS if (s := o.seconds / part) <= o.most]
    last = {name: replace(job, seconds=budgets[-1]) for name, job in best.items()}
    for name in last:
        if len(CONTENDERS[name].rates) > 1:
            last[name] = beyond(last[name], 0.5, runs)
    settings = {name: {j.learning_rate: j for j in (best[name], last[name])} for name in finalists}
    jobs = [
        replace(job, seconds=seconds, seed=seed)
        for seed in o.seeds
        for seconds in budgets
        for name in finalists
        for job in ([last[name]] if seconds == budgets[-1] else settings[name].values())
    ]
    runs([*jobs, *(last[name] for name in baselines[o.finalists :])], tested=True)


def photographs_of(folder: Path, testsets: Path, work: Path) -> Path:
    """Links to the photographs, in `train` and `val`, without those of CBSD68; and `choices`."""
    ours, theirs = work / "photographs", {f.stem for f in (testsets / "CBSD68").iterdir()}
    for part, goes_to in (("train", ["train"]), ("val", ["val", "../choices"])):
        files = [f for f in sorted((folder / part).iterdir()) if f.stem not in theirs]
        for place in (ours / name for name in goes_to):
            place.mkdir(parents=True, exist_ok=True)
            for file in files:
                if not (place / file.name).exists():
                    (place / file.name).symlink_to(file.resolve())
    return ours


def pairs_of(folder: Path, work: Path) -> Path:
    """Links to pairs in `train`, `val`, which is `choices` too, and `PolyU`, which is to test on.

    What the photographs show, such as a toy, is in one of them alone.
    """
    files = sorted(folder.glob("*_real.JPG"))
    if not files:
        raise FileNotFoundError(f"{folder} has no *_real.JPG; needs PolyU's pairs")
    things = sorted({_shown(file) for file in files})
    for file in files:
        place = things.index(_shown(file)) % 4
        for part in {0: ("val", "choices"), 2: ("PolyU",)}.get(place, ("train",)):
            (work / "pairs" / part).mkdir(parents=True, exist_ok=True)
            for one in (file, file.with_name(file.name.replace("_real", "_mean"))):
                link = work / "pairs" / part / one.name
                if not link.exists():
                    link.symlink_to(one.resolve())
    return work / "pairs"


def _shown(file: Path) -> str:
    """The thing in NAME_THING_NUMBER_real.JPG."""
    return file.stem.removesuffix("_real").rstrip("_0123456789").rpartition("_")[2].lower()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", help="folder with train and val in it")
    parser.add_argument("--testsets", help="folder with CBSD68, Kodak24, Set5, Set14 in it")
    parser.add_argument("--pairs", help="folder of PolyU's pairs")
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS)[:4])
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS)
    parser.add_argument("--seconds", type=float, default=600.0, help="the largest budget")
    parser.add_argument("--most", type=float, default=math.inf, help="no budget above so much")
    parser.add_argument("--finalists", type=int, default=2, help="baselines with every seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--processes", type=int, default=2, help="runs at a time")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--work", default="results/time_to_quality", help="of unfinished runs")
    parser.add_argument("--name", default="time_to_quality", help="of the results")
    parser.add_argument("--only_tuning", action="store_true", help="no run of more than an eighth")
    parser.add_argument("--only_table", action="store_true")
    o = parser.parse_args()
    if o.most < o.seconds / PARTS[0]:
        parser.error(f"--most {o.most:g} leaves no budget; needs {o.seconds / PARTS[0]:g} or more")
    if o.pairs is None and any(PROBLEMS[problem].pairs for problem in o.problems):
        parser.error("--problems: real pairs need --pairs")
    if not o.only_table:
        work = Path(o.work).resolve()
        photographs = photographs_of(Path(o.photographs), Path(o.testsets), work)
        pairs = None if o.pairs is None else pairs_of(Path(o.pairs), work)
        place = Place(photographs, Path(o.testsets), pairs, work, o.device, o.precision)
        runs = Runs(o, place)
        for problem in o.problems:
            compare(problem, o, runs)
    publish_tables(o.name, o.seeds)


if __name__ == "__main__":
    main()
