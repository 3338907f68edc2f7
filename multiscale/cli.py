"""The command line: `multiscale train`, `plan`, `compare`, `evaluate`, `restore`, …"""

from __future__ import annotations

import json
import os
import sys
from argparse import Action
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

import torch
import yaml
from jsonargparse import ArgumentParser, Namespace

from multiscale import __version__
from multiscale.comparison import OF_COMPARISON, PRESETS, Comparison, comparison_of
from multiscale.data.pyramid import BadImages
from multiscale.data.urban100 import prepare_urban100
from multiscale.launch import Failure, carry_out
from multiscale.networks import NETWORKS
from multiscale.plan import plan as plan_of
from multiscale.probe import diagnose as statistics_of
from multiscale.probe import probing
from multiscale.recipes import Dataset, Recipe, default_data_dir
from multiscale.report import write_report
from multiscale.restore import restore_files
from multiscale.runs import Report, run
from multiscale.summary import summarize
from multiscale.tasks import TASKS, LevelRule
from multiscale.tensorboard import write_logs
from multiscale.trained import TrainedModel, evaluate_model, load_model
from multiscale.training.evaluate import Quality
from multiscale.training.interruptions import Interrupted


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


HERE = "the run of these options"


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
        print(f"\nGo on with: multiscale train {again}", file=sys.stderr)
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
    defaults = {field.name: field.default for field in fields(Recipe)}
    chosen = {
        name: value
        for name, value in options.items()
        if name not in _OF_COMPARING and not (name in defaults and value == defaults[name])
    }
    comparison = comparison_of(**chosen)
    directory = Path(options.results_dir)
    return concluded(directory, carry_out(comparison, directory, options.parallel, options.threads))


def report(options: Namespace) -> int:
    code = concluded(Path(options.directory), [])
    if options.tensorboard:
        readable = [run.path for run in summarize(options.directory).runs if run.task != "?"]
        print(f"Logs     {write_logs(Path(options.directory), readable)}")
    return code


def concluded(directory: Path, failures: list[Failure]) -> int:
    """Writes the report, says what runs came to, and which failed; returns the exit code."""
    page, summary = write_report(directory)
    print(f"{summary}\n\nReport   {page}")
    for failure in failures:
        recipe = failure.recipe
        print(
            f"{recipe.task}, {recipe.network}, {recipe.label}, seed {recipe.seed} failed: "
            f"{failure.reason} (all it said is in {recipe.results_dir}/output.txt)",
            file=sys.stderr,
        )
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
        raise ValueError(f"resume: {directory} is not the directory of a run: no {config.name}.")
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
    changes = {name: options[name] for name in (*_OF_NETWORK, *_OF_PROBE)}
    if options.what in TASKS:
        recipe = probing(Recipe(task=options.what), **changes)
        network: torch.nn.Module = recipe.build_network()
    else:
        model = load_model(options.what, options.device)
        for name in _OF_NETWORK:
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
    "evaluate": evaluate,
    "restore": restore,
    "diagnose": diagnose,
    "prepare": prepare,
}


def build_parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="multiscale",
        description="Train image-restoration networks on several resolutions at once.",
        version=__version__,
    )
    commands = parser.add_subcommands(required=True, dest="command")
    commands.add_subcommand("train", _train_parser(), help="train a network for one task")
    commands.add_subcommand("plan", _plan_parser(), help="what a run will cost, before it is made")
    commands.add_subcommand("compare", _compare_parser(), help="compare strategies at one budget")
    commands.add_subcommand("report", _report_parser(), help="a page of what runs came to")
    commands.add_subcommand("evaluate", _evaluate_parser(), help="measure a trained network")
    commands.add_subcommand("restore", _restore_parser(), help="restore images of any size")
    commands.add_subcommand("diagnose", _diagnose_parser(), help="measure whether levels pay")
    commands.add_subcommand("prepare", _prepare_parser(), help="make a dataset's files")
    return parser


class _IfGiven(Action):
    """An argument that, left out, does not take the place of a file's."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        if values is not None:
            setattr(namespace, self.dest, values)


def _train_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Train a network for one task. Every option can also stand in a YAML file: "
        "--config FILE; options after it on the command line override it.",
    )
    _add_recipe(parser)
    parser.add_argument(
        "--resume",
        nargs="?",
        const=HERE,
        metavar="RUN_DIR",
        help="go on with a stopped run: the one of these options, or the one in RUN_DIR",
    )
    return parser


class _Preset(Action):
    """Takes the place of all options that a preset names; those after it override it."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        for name, value in PRESETS[values].items():
            setattr(namespace, name, value)


_OF_COMPARING = ("config", "preset", "results_dir", "parallel", "threads")


def _compare_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Train tasks × networks × strategies × seeds at one budget, several runs at a "
        "time, and compare them. Finished runs are not made again, stopped ones go on. The options "
        "of all runs are those of `multiscale train`; all can stand in a YAML file: --config FILE.",
    )
    add: Callable[..., Any] = parser.add_argument
    add("--config", action="config", help="YAML file with these options")
    add("--preset", action=_Preset, choices=list(PRESETS), help="options under a name: quick")
    parser.add_class_arguments(Comparison, nested_key=None, skip={"options"}, sub_configs=False)
    add("--results_dir", type=str, default="comparison", help="all runs and the report go here")
    add("--parallel", type=int | None, help="runs at a time; as many as cores, on a GPU one")
    add("--threads", type=int | None, help="of each run; the cores divided among them")
    of_runs = OF_COMPARISON | {"resume", "overwrite"}
    parser.add_class_arguments(Recipe, nested_key=None, skip=set(of_runs), sub_configs=False)
    return parser


def _report_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Write report.html, summary.csv and summary.json into a directory of runs: "
        "tables with confidence intervals, curves, pictures, decisions, commands.",
    )
    add: Callable[..., Any] = parser.add_argument
    add("directory", type=str, help="with runs in it, at any depth")
    add("--tensorboard", type=bool, default=False, help="also write logs for TensorBoard")
    return parser


def _plan_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Print the stages of a run, their batch sizes and work units, and predict "
        "seconds and peak memory from a few steps of each stage on this machine. The options are "
        "those of `multiscale train`; nothing is written.",
    )
    _add_recipe(parser)
    return parser


def _add_recipe(parser: ArgumentParser) -> None:
    """The task and all options of a run but `resume`."""
    parser.add_argument(
        "task", nargs="?", choices=list(TASKS), action=_IfGiven, help="what is undone"
    )
    parser.add_argument("--config", action="config", help="YAML file with these options")
    parser.add_class_arguments(Recipe, nested_key=None, skip={"task", "resume"}, sub_configs=False)


def _evaluate_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Measure a trained network on validation images, beside the corrupted ones: "
        "MSE on [-1, 1], PSNR and SSIM, mean and standard deviation over images.",
    )
    add: Callable[..., Any] = parser.add_argument
    add("checkpoint", type=str, help="a run's models/…_best.pt")
    _add_expected(parser)
    add("--dataset", type=Dataset, default="photographs", help=f"one of {get_args(Dataset)}")
    add("--data_dir", type=str | None, help=f"folder of images, or of datasets; {_DATA_DIR}")
    add("--img_size", type=int | None, help="of the crops; as in training by default")
    add("--images", type=int, default=64, help="crops to evaluate on")
    add("--bad_images", type=BadImages, default="refuse", help="refuse or skip unusable images")
    add("--device", type=str, default="cpu", help="cpu, cuda, cuda:1, mps, …")
    return parser


def _restore_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Restore images of any size, one or a folder of them, into PNG files. Color, "
        "grey, alpha, 16 bits and EXIF orientation are kept; super-resolution doubles the size.",
    )
    add: Callable[..., Any] = parser.add_argument
    add("checkpoint", type=str, help="a run's models/…_best.pt")
    add("source", type=str, help="an image, or a folder of images")
    _add_expected(parser)
    add("--out", type=str, default="restored", help="folder to write into")
    add("--noise", type=float | None, help="standard deviation, of 0 … 255; else estimated")
    tile = (
        "side of what the network sees at once, in pixels; by default 512, for unet as in training"
    )
    add("--tile", type=int | None, help=tile)
    add("--device", type=str, default="cpu", help="cpu, cuda, cuda:1, mps, …")
    return parser


_OF_NETWORK = ("network", "channels")
_OF_PROBE = (
    *("dataset", "data_dir", "img_size", "levels", "bad_images"),
    *("restriction", "level_rule", "t_max", "sigma"),
)


def _diagnose_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Measure on every level how the gradient varies, how it is coupled with the "
        "finest level's and what it costs; predict what the multiscale gradient saves, and advise. "
        "Of a trained network, or of a new one.",
    )
    add: Callable[..., Any] = parser.add_argument
    add("what", type=str, help=f"a run's models/…_best.pt; or a task ({', '.join(TASKS)})")
    same = "as in training by default"
    add("--draws", type=int, default=48, help="to measure on; 8 or more for confidence intervals")
    add("--budget", type=float, default=16.0, help="work units of a step, for batch sizes")
    add("--json", type=str | None, help="file to write all numbers into")
    add("--dataset", type=Dataset | None, help=f"one of {get_args(Dataset)}; {same}")
    add("--data_dir", type=str | None, help=f"folder of images, or of datasets; {_DATA_DIR}")
    add("--img_size", type=int | None, help=f"of the crops; {same}")
    add("--levels", type=int | None, help=f"of the grids; {same}")
    add("--restriction", choices=["averaging", "injection"], help=f"of images; {same}")
    add("--level_rule", type=LevelRule | None, help=f"of blur or boxes; {same}")
    add("--t_max", type=float | None, help=f"largest time of corruption; {same}")
    add("--sigma", type=float | None, help=f"of the blur, in pixels; {same}")
    add("--network", choices=list(NETWORKS), help="of a new network; unet by default")
    add("--channels", type=int | None, help="of a new network")
    add("--bad_images", type=BadImages | None, help="refuse or skip unusable images")
    add("--seed", type=int, default=0, help="of draws and dropout")
    add("--device", type=str, default="cpu", help="cpu, cuda, cuda:1, mps, …")
    return parser


def _add_expected(parser: ArgumentParser) -> None:
    parser.add_argument("--task", choices=list(TASKS), help="that the checkpoint must be of")
    parser.add_argument("--network", choices=list(NETWORKS), help="that the checkpoint must be of")


def _prepare_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Make Urban100/{low,high}_res_{train,test}.pt, pairs for super-resolution, of "
        "a folder of high-resolution images: Urban100's, or any others.",
    )
    add: Callable[..., Any] = parser.add_argument
    add("dataset", choices=["urban100"], help="whose files to make")
    add("folder", type=str, help="folder of high-resolution images")
    add("--data_dir", type=str | None, help=f"where Urban100/ is made; {_DATA_DIR}")
    add("--test_every", type=int, default=5, help="the first of so many images is for testing")
    return parser


_DATA_DIR = "if not given, the environment's MULTISCALE_DATA, or else data"


def summary(recipe: Recipe, report: Report) -> str:
    """What a run did, in a few lines."""
    outcome, records = report.outcome, report.records
    foretold = "" if report.foretold is None else f", {report.foretold:,.0f} s foretold"
    memory = "" if report.peak_memory is None else f", peak memory {report.peak_memory:,.0f} MiB"
    return "\n".join(
        [
            f"Trained {recipe.name} in {outcome.seconds:.0f} s: {outcome.work_units:,.0f} work "
            f"units, best at iteration {outcome.best_iteration:,}. With validations "
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
