"""What a run did, in a few lines."""

from __future__ import annotations

from telegrad.evaluation import means_table
from telegrad.runs.build import build_schedule
from telegrad.runs.config import Config
from telegrad.runs.running import Report
from telegrad.tasks import Task
from telegrad.training.validation import Quality


def announcement(config: Config) -> str:
    """What is about to be trained, in a line.

    >>> from telegrad.runs.compose import compose
    >>> announcement(compose({"task": "denoising"})).partition(";")[0]
    'denoising (σ 25): GatedUNet, strategy race, 3 minutes'
    """
    task, data, strategy = config.build_task(), config.build_data(), config.build_strategy()
    return (
        f"{_of_task(task)}: {config.network.short_name}, strategy {strategy.name}, "
        f"{_length(config)}; {data.name}, crops of {data.crop}×{data.crop}. Others by --network, "
        f"--strategy, --budget, --data, --size."
    )


def _of_task(task: Task) -> str:
    """Its name, with what defines the problem in brackets."""
    name, _, rest = task.name.partition("_")
    if task.strength is not None:
        symbol = {"sigma": "σ"}.get(task.strength, task.strength)
        value = getattr(task, task.strength)
        rest = f"{symbol} {value:g}" if isinstance(value, float | int) else f"{symbol} {value}"
    return f"{name} ({rest.replace('_', ' ')})" if rest else name


def _length(config: Config) -> str:
    """How long it trains, in words."""
    strategy = config.build_strategy()
    if strategy.time_limit is not None:
        seconds = strategy.time_limit
        for unit, of_unit in (("hour", 3600), ("minute", 60)):
            if seconds >= of_unit and seconds % of_unit == 0:
                number = seconds / of_unit
                return f"{number:g} {unit}{'s' * (number != 1)}"
        return f"{seconds:g} seconds"
    if strategy.work_limit is not None:
        return f"{strategy.work_limit:,g} work units"
    return f"{build_schedule(config).steps:,} steps"


def summary(config: Config, report: Report) -> str:
    """What a run did, and where everything is."""
    progress, files = report.progress, report.files
    estimate = report.estimated_seconds
    estimated = "" if estimate is None else f", {estimate:,.0f} s estimated"
    memory = "" if report.peak_memory is None else f", peak memory {report.peak_memory:,.0f} MiB"
    return "\n".join(
        [
            f"Trained {config.name} in {progress.seconds:.0f} s: {progress.work_units:,.0f} work "
            f"units, best at iteration {progress.best_iteration:,}. With validations "
            f"{report.wall_seconds:,.0f} s{estimated}{memory}.",
            f"On {len(report.restored.mse)} crops of images that it never saw:",
            quality_table({"corrupted": report.corrupted, "restored": report.restored}),
            *([means_table(report.sets)] if report.sets else []),
            f"Picture  {files.picture}",
            f"Model    {files.best}",
            f"Run      {files.path}",
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
