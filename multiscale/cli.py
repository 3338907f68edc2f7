"""The command line: `multiscale train TASK …`."""

from __future__ import annotations

import sys

from jsonargparse import ArgumentParser

from multiscale import __version__
from multiscale.recipes import Recipe, Report, run
from multiscale.tasks import TASKS


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, 1 for a run that failed, 2 for wrong input."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    command = options[options.command]
    values = {k: v for k, v in command.items() if k != "config"}
    try:
        recipe = Recipe(**values)
    except ValueError as error:
        print(f"multiscale {options.command}: {error}", file=sys.stderr)
        return 2
    try:
        report = run(recipe)
    except KeyboardInterrupt:
        print(f"\nstopped; logs and the best model are in {recipe.results_dir}", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"multiscale {options.command}: {error}", file=sys.stderr)
        return 2
    except ArithmeticError as error:
        print(f"multiscale {options.command}: {error}", file=sys.stderr)
        return 1
    print(summary(recipe, report))
    return 0


def build_parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="multiscale",
        description="Train image-restoration networks on several resolutions at once.",
        version=__version__,
    )
    commands = parser.add_subcommands(required=True, dest="command")
    commands.add_subcommand("train", _train_parser(), help="train a network for one task")
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


def summary(recipe: Recipe, report: Report) -> str:
    """What a run did, in a few lines."""
    outcome, records = report.outcome, report.records
    quality = {"corrupted": report.corrupted, "restored": report.restored}
    return "\n".join(
        [
            f"Trained {recipe.name} in {outcome.seconds:.0f} s: {outcome.work_units:,.0f} work "
            f"units, best at iteration {outcome.best_iteration:,}.",
            f"On {recipe.val_images} crops of images that it never saw:",
            f"{'':>14}{'MSE':>10}{'PSNR':>12}{'SSIM':>8}",
            *(
                f"{name:>14}{q.mse:>10.5f}{q.mean_psnr:>9.2f} dB{q.mean_ssim:>8.4f}"
                for name, q in quality.items()
            ),
            f"Picture  {records.picture}",
            f"Model    {records.best}",
            f"Run      {records.directory}",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
