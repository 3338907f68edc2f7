"""Charts of results, each from a table in benchmarks/results."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
sys.path.append(str(ROOT / "benchmarks"))

import figures  # noqa: E402

Rows = list[dict[str, str]]
OURS = ("auto", "race")


def table(source: str) -> str:
    """The text of a table, named as "file, number of the block"."""
    file, number = source.split(", ")
    return figures.block(f"benchmarks/results/{file}.md", int(number))


def rows(source: str) -> Rows:
    """Its rows, by the names of its columns; of columns with one name the first is meant."""
    head, _, *body = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in table(source).splitlines()
    )
    named = [f"{name} ({head[:k].count(name) + 1})" if name in head[:k] else name
             for k, name in enumerate(head)]  # fmt: skip
    return [dict(zip(named, row, strict=True)) for row in body]


def number(cell: str) -> float:
    """The first number of a cell: 27.5 of "< 27.5 (25.2–36.4)"."""
    found = re.search(r"-?[\d,]*\.?\d+", cell)
    return float(found[0].replace(",", "")) if found else float("nan")


def digest(*sources: str) -> str:
    """What a chart of these tables says of its origin."""
    text = "\n".join(table(source) for source in sources)
    return f"{'; '.join(sources)}; sha256 {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def plots(width: float, height: float, **options: Any) -> Any:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    plt.rcParams |= {
        "svg.fonttype": "path",
        "svg.hashsalt": "telegrad",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "font.size": 10,
    }
    return plt.subplots(figsize=(width, height), layout="constrained", **options)


def save(figure: Any, name: str, origin: str) -> None:
    import matplotlib.pyplot as plt

    IMAGES.mkdir(exist_ok=True)
    figure.savefig(IMAGES / name, metadata={"Source": origin, "Date": None, "Creator": None})
    plt.close(figure)


def pays(name: str, source: str) -> None:
    found = rows(source)
    labels = [f"{row['problem']}, {row['network']}" for row in found]
    figure, axes = plots(9, 4.2)
    bars = {
        "auto, less work": ("auto: less work", "C0"),
        "auto, fewer seconds": ("fewer seconds", "#8fbfe0"),
        "best cascadic by hand, less work": ("best cascadic: less work", "0.6"),
    }
    for k, (label, (column, color)) in enumerate(bars.items()):
        places = [row + 0.27 * (k - 1) for row in range(len(found))]
        axes.barh(places, [number(row[column]) for row in found], 0.26, label=label, color=color)
    axes.axvline(1, color="k", lw=0.8)
    axes.set(yticks=range(len(found)), yticklabels=labels, xlabel="times, log scale", xscale="log")
    axes.set_xticks([1, 2, 5, 10, 20, 50], labels=["1", "2", "5", "10", "20", "50"])
    axes.invert_yaxis()
    figure.legend(loc="outside upper center", frameon=False, ncols=3)
    save(figure, name, digest(source))


def coupling(name: str, source: str) -> None:
    found = [row for row in rows(source) if row["restriction"].endswith("(ours)")]
    figure, axes = plots(7, 3.4)
    for column in ("finest pair", "pair 1 below", "pair 2 below"):
        steps = [int(row["steps"]) for row in found]
        axes.plot(steps, [number(row[column]) for row in found], "o-", label=column)
    axes.set(xlabel="steps of training", ylabel="variance of the correction\n/ of the gradient")
    axes.set_ylim(0)
    axes.legend(frameon=False, title="levels")
    save(figure, name, digest(source))


def restrictions(name: str, source: str) -> None:
    found = [row for row in rows(source) if row["steps"] == "200"]
    figure, axes = plots(8, 3)
    for k, column in enumerate(("finest pair", "pair 1 below", "pair 2 below")):
        places = [row + 0.27 * (k - 1) for row in range(len(found))]
        axes.barh(places, [number(row[column]) for row in found], 0.26, label=column)
    labels = [f"{row['restriction']}\nleast cosine {row['least cosine']}" for row in found]
    axes.set(yticks=range(len(found)), yticklabels=labels)
    axes.set_xlabel("variance of the correction / of the gradient")
    axes.invert_yaxis()
    axes.legend(frameon=False)
    save(figure, name, digest(source))


def memory(name: str, source: str) -> None:
    found = rows(source)
    networks = list(dict.fromkeys(row["network"] for row in found))
    figure, grid = plots(10, 2.8, ncols=len(networks), sharey=True)
    for axes, network in zip(grid, networks, strict=True):
        own = [row for row in found if row["network"] == network]
        colors = ["C0" if "(ours)" in row["what"] else "0.7" for row in own]
        axes.barh([row["what"] for row in own], [number(row["peak, MiB"]) for row in own],
                  color=colors)  # fmt: skip
        axes.set(title=network, xlabel="peak, MiB")
    grid[0].invert_yaxis()
    save(figure, name, digest(source))


def authors(name: str, source: str) -> None:
    found = rows(source)
    labels = [f"{row['code']}: {row['mode']}" for row in found]
    figure, axes = plots(8, 2.8)
    colors = ["C0" if row["code"] == "ours" else "0.7" for row in found]
    bars = axes.barh(labels, [number(row["PSNR, dB"]) for row in found], color=colors)
    words = [f"{row['PSNR, dB']} dB, {row['steps']} steps, {row['s in all']} s" for row in found]
    axes.bar_label(bars, words, padding=4)
    axes.set(xlim=(10, 22), xlabel="PSNR, dB")
    axes.invert_yaxis()
    save(figure, name, digest(source))


def tasks(name: str, source: str) -> None:
    found = rows(source)
    labels = list(dict.fromkeys(row["task"] for row in found))
    figure, axes = plots(8, 4.6)
    for k, pair in enumerate(("64 and 32", "32 and 16")):
        own = {row["task"]: row for row in found if row["levels, pixels"] == pair}
        places = [row + 0.4 * k - 0.2 for row in range(len(labels))]
        values = [number(own[label]["V_l / Var g_l"]) for label in labels]
        axes.barh(places, values, 0.38, label=f"levels of {pair} pixels")
    axes.axvline(1, color="k", lw=0.8)
    axes.set(yticks=range(len(labels)), yticklabels=labels)
    axes.set_xlabel("variance of the correction / of the gradient")
    axes.invert_yaxis()
    axes.legend(frameon=False)
    save(figure, name, digest(source))


def darcy(name: str, source: str) -> None:
    found = rows(source)
    figure, axes = plots(8, 3.6)
    columns = [column for column in found[0] if column.endswith(" WU")]
    for row in found:
        style = "o-" if "single" not in row["strategy"] else "s--"
        work = [number(column) for column in columns]
        axes.plot(work, [number(row[c]) for c in columns], style, ms=4, label=row["strategy"])
    axes.set(xscale="log", yscale="log", xlabel="work units", ylabel="relative error")
    axes.set_xticks([number(c) for c in columns], labels=[c.split()[0] for c in columns])
    axes.set_yticks([0.05, 0.1, 0.2, 0.5], labels=["0.05", "0.1", "0.2", "0.5"])
    axes.minorticks_off()
    figure.legend(loc="outside right center", frameon=False, fontsize=8)
    save(figure, name, digest(source))


def resolution(name: str, source: str) -> None:
    found = rows(source)
    figure, (left, right) = plots(9, 3, ncols=2)
    for network in dict.fromkeys(row["network"] for row in found):
        own = [row for row in found if row["network"] == network]
        sizes = [number(row["img_size"]) for row in own]
        left.plot(sizes, [number(r["s per WU / finest pass"]) for r in own], "o-", label=network)
        right.plot(sizes, [number(r["memory / finest pass"]) for r in own], "o-", label=network)
    left.axhline(1.25, color="0.6", lw=0.8, ls="--")
    right.axhline(1.05, color="0.6", lw=0.8, ls="--")
    left.set(title="seconds a work unit / finest pass", xlabel="height and width, pixels", ylim=0)
    right.set(title="memory of a step / finest pass", xlabel="height and width, pixels", ylim=0)
    left.legend(frameon=False)
    save(figure, name, digest(source))


def quality(name: str, source: str) -> None:
    """PSNR against seconds, of each contender that has runs of several lengths."""
    found = rows(source)
    lengths = [column for column in found[0] if column.endswith(" s")]
    figure, axes = plots(8, 3.4)
    for row in found:
        shown = [column for column in lengths if row[column]]
        _, _, errors = zip(*(row[c].partition("±") for c in shown), strict=True)
        axes.errorbar(
            [number(column) for column in shown],
            [number(row[column]) for column in shown],
            [number(error) if error else 0.0 for error in errors],
            fmt="o-" if row["contender"].split(",")[0] in OURS else "s--",
            capsize=3,
            label=f"{row['contender']}\n{row['tuned to']}",
        )
    axes.set(xscale="log", xlabel="seconds of a core, log scale", ylabel="PSNR in dB")
    axes.set_xticks([number(c) for c in lengths], labels=[c.removesuffix(" s") for c in lengths])
    axes.minorticks_off()
    figure.legend(loc="outside right center", frameon=False, fontsize=8)
    save(figure, name, digest(source))


DRAWN: dict[str, tuple[Callable[[str, str], None], str]] = {
    "pays.svg": (pays, "work_to_quality, 1"),
    "quality_denoising.svg": (quality, "time_to_quality, 1"),
    "quality_superresolution.svg": (quality, "time_to_quality, 4"),
    "quality_deblurring.svg": (quality, "time_to_quality, 7"),
    "quality_inpainting.svg": (quality, "time_to_quality, 10"),
    "coupling.svg": (coupling, "coupling, 1"),
    "restrictions.svg": (restrictions, "coupling, 1"),
    "memory.svg": (memory, "peak_memory, 1"),
    "authors.svg": (authors, "against_authors, 1"),
    "task_coupling.svg": (tasks, "task_coupling, 1"),
    "darcy.svg": (darcy, "darcy, 1"),
    "resolution.svg": (resolution, "scaling_sizes, 1"),
}
"""What draws each chart, and the table it is drawn from."""

PICTURES = {name: partial(draw, name, source) for name, (draw, source) in DRAWN.items()}
