"""The table of a setting: each configuration's verdict, and its figures at equal cost and at the
end."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from telegrad.experiments.equal_cost import COSTS, EqualCost
from telegrad.experiments.headline import said_cost
from telegrad.experiments.run_files import RunSummary
from telegrad.experiments.significance import in_words, with_error
from telegrad.experiments.summary import Configuration, Setting


def verdict_table(setting: Setting, equal: EqualCost, runs: Sequence[RunSummary]) -> str:
    """Best first; the best in each of the columns at equal cost is marked.

    Args:
        setting: with its configurations.
        equal: the same at equal cost.
        runs: all of the setting that are finished.
    """
    costs = [cost for cost in COSTS if equal.limits[cost] is not None]
    heads = [
        *("strategy", "verdict"),
        *(f"PSNR, dB, at equal {said_cost(cost, equal.limits[cost] or 0)}" for cost in costs),
        *("seeds", "PSNR at the end, dB", "SSIM", "validation loss", "work units", "seconds"),
        "peak memory, MiB",
    ]
    rows = [_row(c, [(equal, cost) for cost in costs], runs) for c in setting.configurations]
    before = next((r.corrupted_psnr for r in runs if r.corrupted_psnr is not None), None)
    caption = "Best first, by the mean validation loss at the end."
    if any(len(c.seeds) >= 3 for c in setting.configurations):
        caption += " ±: half a 95 % confidence interval of the mean over seeds."
    if before is not None:
        caption += f" Before restoration: {before:.2f} dB."
    return table(caption, heads, rows, of=setting.name, kind="verdicts")


def _row(
    c: Configuration, columns: Sequence[tuple[EqualCost, str]], runs: Sequence[RunSummary]
) -> str:
    memory = [r.peak_memory for r in runs if r.path in c.runs and r.peak_memory is not None]
    loss, psnr, ssim, work, seconds = (
        c.measured[name] for name in ("valid_loss", "psnr", "ssim", "work_units", "seconds")
    )
    cells = [f'<td class="verdict">{escape(in_words(c.p, best=c.best))}</td>']
    for equal, cost in columns:
        value = with_error(equal.psnr[cost].get(c.strategy), ".2f")  # type: ignore[index]
        best = equal.best(cost) == c.strategy  # type: ignore[arg-type]
        mark = f'<td class="best">{value}<span>best</span></td>' if best else f"<td>{value}</td>"
        cells.append(mark)
    cells += [
        f"<td>{escape(text)}</td>"
        for text in (
            *(str(len(c.seeds)), with_error(psnr, ".2f"), with_error(ssim, ".4f")),
            *(with_error(loss, ".4g"), with_error(work, ",.0f", False)),
            *(with_error(seconds, ",.1f"), f"{max(memory):,.0f}" if memory else "–"),
        )
    ]
    kind = ' class="first"' if c.best else ""
    return f'<tr{kind}><th scope="row">{escape(c.strategy)}</th>{"".join(cells)}</tr>'


def table(
    caption: str, heads: Sequence[str], rows: Sequence[str], *, of: str, kind: str = ""
) -> str:
    """A table that scrolls within itself, its first column staying.

    Args:
        caption: over it.
        heads: of the columns.
        rows: as elements.
        of: what it is of, for those who come to it by keyboard.
        kind: class of the element.
    """
    head = "".join(f'<th scope="col">{escape(h)}</th>' for h in heads)
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(f"Table: {of}")}">'
        f'<table class="{kind}"><caption><span>{escape(caption)}</span></caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
