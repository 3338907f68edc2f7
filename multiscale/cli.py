"""The command line: `multiscale train`, `evaluate` and `restore`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, get_args

from jsonargparse import ArgumentParser, Namespace

from multiscale import __version__
from multiscale.data.pyramid import BadImages
from multiscale.recipes import Dataset, Recipe, Report, run
from multiscale.restore import restore_files
from multiscale.tasks import TASKS
from multiscale.trained import evaluate_model, load_model
from multiscale.training.evaluate import Quality


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, 1 for a run that failed, 2 for wrong input."""
    options = build_parser().parse_args(arguments)
    name = options.command
    try:
        return COMMANDS[name](options[name])
    except KeyboardInterrupt:
        print(f"\nmultiscale {name}: stopped; what was written until now is kept.", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"multiscale {name}: {error}", file=sys.stderr)
        return 2
    except ArithmeticError as error:
        print(f"multiscale {name}: {error}", file=sys.stderr)
        return 1


def train(options: Namespace) -> int:
    recipe = Recipe(**{k: v for k, v in options.items() if k != "config"})
    print(summary(recipe, run(recipe)))
    return 0


def evaluate(options: Namespace) -> int:
    model = load_model(options.checkpoint, options.device)
    if options.task is not None and options.task != model.task.name:
        raise ValueError(
            f"checkpoint {options.checkpoint} is of {model.task.name} ({model.recipe.network}); "
            f"expected one of {options.task}."
        )
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
    model = load_model(options.checkpoint, options.device)
    noise = None if options.noise is None else options.noise / 127.5
    written, failed = restore_files(model, options.source, options.out, noise, options.tile)
    print(f"Restored {len(written)} image{'s' * (len(written) != 1)} into {options.out}.")
    for reason in failed:
        print(f"Left out {reason}")
    return 1 if failed else 0


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "train": train,
    "evaluate": evaluate,
    "restore": restore,
}


def build_parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="multiscale",
        description="Train image-restoration networks on several resolutions at once.",
        version=__version__,
    )
    commands = parser.add_subcommands(required=True, dest="command")
    commands.add_subcommand("train", _train_parser(), help="train a network for one task")
    commands.add_subcommand("evaluate", _evaluate_parser(), help="measure a trained network")
    commands.add_subcommand("restore", _restore_parser(), help="restore images of any size")
    return parser


def _train_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Train a network for one task. Every option can also stand in a YAML file: "
        "--config FILE; options after it on the command line override it.",
    )
    parser.add_argument("task", choices=list(TASKS), help="what is undone")
    parser.add_argument("--config", action="config", help="YAML file with these options")
    parser.add_class_arguments(Recipe, nested_key=None, skip={"task"}, sub_configs=False)
    return parser


def _evaluate_parser() -> ArgumentParser:
    parser = ArgumentParser(
        description="Measure a trained network on validation images, beside the corrupted ones: "
        "MSE on [-1, 1], PSNR and SSIM, mean and standard deviation over images.",
    )
    add: Callable[..., Any] = parser.add_argument
    add("checkpoint", type=str, help="a run's models/…_best.pt")
    add("--task", choices=list(TASKS), help="what the checkpoint must be of")
    add("--dataset", type=Dataset, default="photographs", help=f"one of {get_args(Dataset)}")
    add("--data_dir", type=str | None, help="folder of images, for --dataset folder")
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
    add("--out", type=str, default="restored", help="folder to write into")
    add("--noise", type=float | None, help="standard deviation, of 0 … 255; else estimated")
    add("--tile", type=int, default=512, help="side of what the network sees at once, in pixels")
    add("--device", type=str, default="cpu", help="cpu, cuda, cuda:1, mps, …")
    return parser


def summary(recipe: Recipe, report: Report) -> str:
    """What a run did, in a few lines."""
    outcome, records = report.outcome, report.records
    return "\n".join(
        [
            f"Trained {recipe.name} in {outcome.seconds:.0f} s: {outcome.work_units:,.0f} work "
            f"units, best at iteration {outcome.best_iteration:,}.",
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
