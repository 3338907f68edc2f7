"""Runs that are killed at random instants and resumed until they end, beside one that is not."""

import csv
import multiprocessing
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
from describe import changed, described

from telegrad.runs.running import run
from telegrad.training.checkpoint import read_checkpoint


def recipe(results, **options):
    """A run of a second or two, with dropout, in small steps."""
    defaults = {
        "strategy": "fullmultiscale",
        "network": "unet",
        "channels": 16,
        "size": 16,
        "levels": 2,
        "batch_sizes": [4, 2],
        "work_units": 60.0,
        "validations": 5,
        "images": 4,
        "learning_rate": 1e-3,
        "save_every": 0.2,
        "device": "cpu",
        "out": str(results),
    }
    return described(**(defaults | options))


REFUSED = 75
"""Exit code of a process that was refused since another works on the run."""


def said_by(recipe):
    """The file that takes what processes of a run print."""
    return Path(recipe.output.directory).with_suffix(".txt")


def _run_quietly(recipe, resume):
    said_by(recipe).parent.mkdir(parents=True, exist_ok=True)
    with said_by(recipe).open("a") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    torch.set_num_threads(1)
    try:
        run(recipe, resume=resume)
    except BlockingIOError:
        sys.exit(REFUSED)


def forking():
    """Processes that have what trains loaded from the start."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["telegrad.runs.running"])
    return context


def start_server():
    """So that the seconds of the first run don't count its loading."""
    process = forking().Process(target=time.sleep, args=(0,))
    process.start()
    process.join()


def start(recipe, resume):
    process = forking().Process(target=_run_quietly, args=(recipe, resume))
    process.start()
    return process


def in_a_process(recipe, kill_after=None, resume=False):
    """Runs; kills the process without warning after so many seconds. Its exit code and seconds.

    Before it is killed, a second process tries to go on with the run, and must be refused.
    """
    started = time.perf_counter()
    process = start(recipe, resume)
    process.join(kill_after)
    if process.is_alive():
        if (recipe.directory.path / "lock.json").exists():
            second = start(recipe, resume=True)
            second.join()
            assert second.exitcode == REFUSED or not process.is_alive()
        process.kill()  # which may have ended by now
    process.join()
    return process.exitcode, time.perf_counter() - started


def kill_and_resume(whole, directory, chance, kills):
    """Makes the run `whole`, then the same run again and again in `directory`, killed at random
    instants and resumed until it ends, until there have been so many kills.

    Returns:
        for each of these runs, `difference` from the whole one; None for one that went no further.
    """
    start_server()
    code, seconds = in_a_process(changed(whole, overwrite=True))
    assert code == 0
    found, done = [], 0
    while done < kills:
        stopped = changed(whole, out=str(Path(directory, str(len(found)))))
        code = -signal.SIGKILL
        while code == -signal.SIGKILL:
            resume = Path(stopped.output.directory).exists()
            instant = chance.uniform(0.2, 1.0) * seconds if done < kills else None
            code, _ = in_a_process(stopped, instant, resume)
            done += code == -signal.SIGKILL
        if code:
            print(f"exit code {code}: {said_by(stopped).read_text()}")
        found.append(None if code else difference(whole, stopped))
    return found


def rows(recipe, table):
    """Rows of a table, without the columns that a clock decides."""
    files = recipe.directory
    tables = {"train": files.train_log, "valid": files.valid_log, "progress": files.progress}
    path = tables[table]
    with path.open() as file:
        found = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k not in ("time", "seconds")} for row in found]


def difference(first, second):
    """Largest difference of the last weights and of the best ones, and rows that differ."""
    largest = 0.0
    for file, key in (("last", "network"), ("best", "model_state_dict")):
        a, b = (read_checkpoint(getattr(r.directory, file))[key] for r in (first, second))
        largest = max(largest, *((a[k] - b[k]).abs().max().item() for k in a))
    wrong = 0
    for table in ("train", "valid", "progress"):
        a, b = rows(first, table), rows(second, table)
        wrong += abs(len(a) - len(b)) + sum(x != y for x, y in zip(a, b, strict=False))
    return largest, wrong


def some(seed):
    return random.Random(seed)
