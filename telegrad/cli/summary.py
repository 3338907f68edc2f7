"""What a run did, in a few lines."""

from __future__ import annotations

from telegrad.evaluation import means_table
from telegrad.runs.config import Config
from telegrad.runs.running import Report
from telegrad.training.validation import Quality


def summary(config: Config, report: Report, *, resumed: bool = False) -> str:
    """What a run did, and where everything is."""
    progress, files = report.progress, report.files
    estimate = report.estimated_seconds
    estimated = "" if estimate is None else f", {estimate:,.0f} s estimated"
    with_all = "Since it was resumed, with" if resumed else "With"
    memory = "" if report.peak_memory is None else f", peak memory {report.peak_memory:,.0f} MiB"
    return "\n".join(
        [
            f"Trained {config.name} in {progress.seconds:.0f} s: {progress.work_units:,.0f} work "
            f"units, best at iteration {progress.best_iteration:,}. {with_all} validations "
            f"{report.wall_seconds:,.0f} s{estimated}{memory}.",
            f"On {config.validation.images} crops of images that it never saw:",
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
