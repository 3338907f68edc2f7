"""The command line: `telegrad train`, `plan`, `compare`, `evaluate`, `restore`, …"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import Namespace

from telegrad.cli.parsers import HERE, OF_LAUNCHING, OF_NETWORK, OF_PROBE, build_parser
from telegrad.data.urban100 import prepare_urban100
from telegrad.experiments.comparison import comparison_of
from telegrad.experiments.launch import Failure, carry_out
from telegrad.experiments.report import write_report
from telegrad.experiments.reproduce import paper_table, reproduction
from telegrad.experiments.summary import summarize, write_whole
from telegrad.experiments.tensorboard import write_logs
from telegrad.inference.diagnose import diagnose as statistics_of
from telegrad.inference.diagnose import probing
from telegrad.inference.model import TrainedModel, evaluate_model, load_model
from telegrad.inference.restore import restore_files
from telegrad.records.records import environment
from telegrad.runs.plan import plan as plan_of
from telegrad.runs.recipes import Recipe, default_data_dir
from telegrad.runs.run import Report, run
from telegrad.tasks import TASKS
from telegrad.training.interruptions import Interrupted
from telegrad.training.validation import Quality


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, 1 for a run that failed, 2 for wrong input."""
    try:
        options = build_parser().parse_args(arguments)
    except (ValueError, OSError, RecursionError) as error:  # the parser's own have their words
        print(f"multiscale: an option or its file can't be read ({error}).", file=sys.stderr)
        return 2
    name = options.command
    return guarded(f"multiscale {name}", lambda: COMMANDS[name](options[name]))


def guarded(name: str, command: Callable[[], int]) -> int:
    """The command's exit code; errors as one line under its name."""
    try:
        return command()
    except Interrupted as stop:
        print(f"\n{name}: {stop}, and saved.", file=sys.stderr)
        return 128 + stop.signal
    except KeyboardInterrupt:
        print(f"\n{name}: stopped; what was written until now is kept.", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except (ArithmeticError, MemoryError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1


def train(options: Namespace) -> int:
    if options.resume not in (None, HERE):
        recipe = stored_recipe(options.resume)
        device = {} if options.device == "auto" else {"device": options.device}
        recipe = replace(recipe, resume=True, **device)
    else:
        recipe = chosen_recipe(options, resume=options.resume == HERE)
    try:
        report = run(recipe)
    except Interrupted:
        again = f"--resume {Path(recipe.results_dir) / 'runs' / recipe.name}"
        print(f"\nGo on with: telegrad train {again}", file=sys.stderr)
        raise
    if is_first_process():
        print(summary(recipe, report))
    return 0


def plan(options: Namespace) -> int:
    planned = plan_of(chosen_recipe(options))
    if is_first_process():
        print(planned)
    return 0


def compare(options: Namespace) -> int:
    comparison, directory = comparison_of(**given(options)), Path(options.results_dir)
    return concluded(directory, carry_out(comparison, directory, options.parallel, options.threads))


def reproduce(options: Namespace) -> int:
    directory, failures = Path(options.results_dir), []
    for comparison in reproduction(**given(options)):
        failures += carry_out(comparison, directory, options.parallel, options.threads)
    code = concluded(directory, failures)
    table = paper_table(summarize(directory))
    made = "\n".join(f"- {name}: {value}" for name, value in environment().items() if value)
    write_whole(directory / "reproduction.md", f"{table}\n\n{made}\n")
    print(f"Table    {directory / 'reproduction.md'}\n\n{table}")
    return code


def given(options: Namespace) -> dict[str, Any]:
    """What describes the runs: arguments of a comparison, and options that are not as by default,
    so that those of a strategy or a task can take their place."""
    defaults = {field.name: field.default for field in fields(Recipe)}
    return {
        name: value
        for name, value in options.items()
        if name not in OF_LAUNCHING and not (name in defaults and value == defaults[name])
    }


def report(options: Namespace) -> int:
    code = concluded(Path(options.directory), [])
    if options.tensorboard:
        readable = [run.path for run in summarize(options.directory).runs if run.task != "?"]
        print(f"Logs     {write_logs(Path(options.directory), readable)}")
    return code


def concluded(directory: Path, failures: list[Failure]) -> int:
    """Says which runs failed, writes the report and says what it shows; returns the exit code."""
    for failure in failures:
        recipe = failure.recipe
        print(
            f"{recipe.task}, {recipe.network}, {recipe.label}, seed {recipe.seed} failed: "
            f"{failure.reason} (all it said is in {recipe.results_dir}/output.txt)",
            file=sys.stderr,
        )
    try:
        page, summary = write_report(directory)
    except ValueError:
        if failures:
            return 1  # and there is no run to be shown
        raise
    print(f"{summary}\n\nReport   {page}")
    return 1 if failures else 0


def chosen_recipe(options: Namespace, resume: bool = False) -> Recipe:
    """The recipe of the options on the command line."""
    if options.get("task") is None:
        raise ValueError(f"which task? One of {', '.join(TASKS)}.")
    chosen = {name: value for name, value in options.items() if name not in ("config", "resume")}
    return Recipe(**chosen, resume=resume)


def is_first_process() -> bool:
    """Of those that torchrun, or Fabric's launcher, has started."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", 0))) == 0


def stored_recipe(directory: str) -> Recipe:
    """The recipe of a run, from the configuration in its directory.

    Raises:
        ValueError: if there is none, or it is not of a run.
    """
    config = Path(directory) / "config.yaml"
    if not config.is_file():
        raise ValueError(
            f"resume: {directory} is not the directory of a run: no {config.name}. Give one that a "
            f"run left, such as results/runs/NAME."
        )
    try:
        recipe = Recipe(**yaml.safe_load(config.read_text(encoding="utf-8")))
    except (TypeError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ValueError(
            f"resume: {config} is not the configuration of a run ({error})."
        ) from error
    return replace(recipe, results_dir=str(Path(directory).absolute().parent.parent))


def evaluate(options: Namespace) -> int:
    model = _expected(options)
    corrupted, restored = evaluate_model(
        model,
        options.dataset,
        options.data_dir,
        options.img_size,
        options.images,
        options.bad_images,
    )
    print(
        f"{model.task.name}, {model.recipe.network}, {options.images} crops of {options.dataset}:"
    )
    print(quality_table({"corrupted": corrupted, "restored": restored}))
    return 0


def restore(options: Namespace) -> int:
    model = _expected(options)
    noise = None if options.noise is None else options.noise / 127.5
    written, failed = restore_files(model, options.source, options.out, noise, options.tile)
    print(f"Restored {len(written)} image{'s' * (len(written) != 1)} into {options.out}.")
    for reason in failed:
        print(f"Left out {reason}")
    return 1 if failed else 0


def diagnose(options: Namespace) -> int:
    changes = {name: options[name] for name in (*OF_NETWORK, *OF_PROBE)}
    if options.what in TASKS:
        recipe = probing(Recipe(task=options.what), **changes)
        network: torch.nn.Module = recipe.build_network()
    else:
        model = load_model(options.what, options.device)
        for name in OF_NETWORK:
            if changes[name] is not None:
                raise ValueError(f"{name} is for a new network; {options.what} has its own.")
        recipe, network = probing(model.recipe, **changes), model.network
    statistics = statistics_of(
        recipe, network, options.draws, options.budget, options.device, options.seed
    )
    print(f"{recipe.task}, {recipe.network}, {options.what}, images of {recipe.dataset}:")
    print(statistics)
    if options.json is not None:
        text = json.dumps(statistics.to_dict(), indent=2, allow_nan=False)
        Path(options.json).write_text(text + "\n", encoding="utf-8")
    return 0


def prepare(options: Namespace) -> int:
    data_dir = default_data_dir() if options.data_dir is None else options.data_dir
    for path in prepare_urban100(options.folder, data_dir, options.test_every):
        print(f"Wrote {path}")
    return 0


def _expected(options: Namespace) -> TrainedModel:
    """The checkpoint's model, if it is of the task and network that were asked for."""
    model = load_model(options.checkpoint, options.device)
    for what in ("task", "network"):
        wanted, got = options[what], getattr(model.recipe, what)
        if wanted not in (None, got):
            raise ValueError(
                f"checkpoint {options.checkpoint} is of {model.recipe.task} with "
                f"{model.recipe.network}; expected the {what} {wanted}."
            )
    return model


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "train": train,
    "plan": plan,
    "compare": compare,
    "report": report,
    "reproduce": reproduce,
    "evaluate": evaluate,
    "restore": restore,
    "diagnose": diagnose,
    "prepare": prepare,
}


def summary(recipe: Recipe, report: Report) -> str:
    """What a run did, in a few lines."""
    outcome, records = report.outcome, report.records
    foretold = "" if report.foretold is None else f", {report.foretold:,.0f} s foretold"
    with_all = "Since it was resumed, with" if recipe.resume else "With"
    memory = "" if report.peak_memory is None else f", peak memory {report.peak_memory:,.0f} MiB"
    return "\n".join(
        [
            f"Trained {recipe.name} in {outcome.seconds:.0f} s: {outcome.work_units:,.0f} work "
            f"units, best at iteration {outcome.best_iteration:,}. {with_all} validations "
            f"{report.took:,.0f} s{foretold}{memory}.",
            f"On {recipe.val_images} crops of images that it never saw:",
            quality_table({"corrupted": report.corrupted, "restored": report.restored}),
            f"Picture  {records.picture}",
            f"Model    {records.best}",
            f"Run      {records.directory}",
        ]
    )


def quality_table(qualities: dict[str, Quality]) -> str:
    """Mean ± standard deviation over images."""
    lines = [f"{'':>12}{'MSE':>20}{'PSNR, dB':>18}{'SSIM':>18}"]
    for name, q in qualities.items():
        cells = (f"{q.mse.mean():.5f} ± {q.mse.std(correction=0):.5f}",
                 f"{q.psnr.mean():.2f} ± {q.psnr.std(correction=0):.2f}",
                 f"{q.ssim.mean():.4f} ± {q.ssim.std(correction=0):.4f}")  # fmt: skip
        lines.append(f"{name:>12}{cells[0]:>20}{cells[1]:>18}{cells[2]:>18}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
