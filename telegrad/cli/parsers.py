"""The options of every command of `telegrad`."""

from __future__ import annotations

from argparse import Action
from collections.abc import Callable
from typing import Any, get_args

from jsonargparse import ArgumentParser

from telegrad import __version__
from telegrad.data.pyramid import BadImages
from telegrad.experiments.comparison import OF_COMPARISON, PRESETS, Comparison
from telegrad.experiments.reproduce import reproduction
from telegrad.networks import NETWORKS
from telegrad.runs.recipes import Dataset, Recipe
from telegrad.tasks import TASKS, LevelRule

HERE = "the run of these options"
"""What --resume without a directory stands for."""


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
    commands.add_subcommand("reproduce", _reproduce_parser(), help="the paper's experiments")
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


OF_LAUNCHING = ("config", "preset", "results_dir", "parallel", "threads")


def _compare_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Train tasks × networks × strategies × seeds at one budget, several runs at a "
        "time, and compare them. Finished runs are not made again, stopped ones go on. The options "
        "of all runs are those of `telegrad train`; all can stand in a YAML file: --config FILE.",
    )
    add: Callable[..., Any] = parser.add_argument
    add("--config", action="config", help="YAML file with these options")
    add("--preset", action=_Preset, choices=list(PRESETS), help="options under a name: quick")
    parser.add_class_arguments(Comparison, nested_key=None, skip={"options"}, sub_configs=False)
    _add_launching(parser, "comparison")
    return parser


def _reproduce_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="The paper's experiments: four tasks by two networks by three modes, with its "
        "batch sizes and numbers of steps, or a part of these. Writes the report, and a table in "
        "the paper's form.",
    )
    parser.add_argument("--config", action="config", help="YAML file with these options")
    parser.add_function_arguments(reproduction, nested_key=None, sub_configs=False)
    of_strategies = {"batch_size", "ratio", "batch_sizes", "form", "shares", "learning_rate"}
    _add_launching(parser, "reproduction", of_strategies | {"iterations", "work_units", "budget"})
    return parser


def _add_launching(
    parser: ArgumentParser, results_dir: str, skip: set[str] | frozenset[str] = frozenset()
) -> None:
    """How runs are launched, and the options of all of them but those to skip."""
    add: Callable[..., Any] = parser.add_argument
    add("--results_dir", type=str, default=results_dir, help="all runs and the report go here")
    add("--parallel", type=int | None, help="runs at a time; as many as cores, on a GPU one")
    add("--threads", type=int | None, help="of each run; the cores divided among them")
    skipped = {*OF_COMPARISON, "resume", "overwrite", *skip}
    parser.add_class_arguments(Recipe, nested_key=None, skip=skipped, sub_configs=False)


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
        "those of `telegrad train`; nothing is written.",
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


OF_NETWORK = ("network", "channels")
OF_PROBE = (
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


_DATA_DIR = "if not given, the environment's TELEGRAD_DATA, or else data"
