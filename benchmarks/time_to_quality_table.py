"""Tables and charts of the rows that time_to_quality.py has made."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from contenders import CONTENDERS, LARGEST, PROBLEMS
from table import RESULTS, as_markdown, publish
from timed_runs import rows

STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""97.5 % points of Student's distribution for so many values."""


@dataclass(frozen=True)
class Curve:
    """A contender's runs with knobs that were best for it, each budget with its best rate.

    Attributes:
        name: of the contender.
        settings: knobs, and the learning rate of each budget.
        quality: PSNR by seed and seconds, of the set that is reported first.
        chosen: PSNR of the images that everything is chosen by, likewise.
        megapixels: seen in a run, by seconds.
    """

    name: str
    settings: str
    quality: dict[int, dict[float, float]]
    chosen: dict[int, dict[float, float]]
    megapixels: dict[float, float]

    @property
    def seconds(self) -> list[float]:
        return sorted({s for of_seed in self.quality.values() for s in of_seed})

    def at(self, seconds: float) -> list[float]:
        """PSNR of each seed that has been run so long."""
        return [q[seconds] for _, q in sorted(self.quality.items()) if seconds in q]

    def reaches(self, seed: int, quality: float) -> tuple[float, str]:
        """Seconds after which a seed has that quality, between two budgets in logarithms."""
        points = sorted(self.quality[seed].items())
        for k, (seconds, reached) in enumerate(points):
            if reached >= quality:
                if k == 0:
                    return seconds, "≤ "
                before, lower = points[k - 1]
                part = (quality - lower) / (reached - lower)
                return before * (seconds / before) ** part, ""
        return points[-1][0], "> "

    def pixels_in(self, seconds: float) -> float:
        """Megapixels seen in so many seconds, between two budgets in logarithms."""
        points = [(math.log(s), math.log(p)) for s, p in sorted(self.megapixels.items())]
        return math.exp(float(np.interp(math.log(seconds), *zip(*points, strict=True))))


def curves_of(problem: str, name: str) -> list[Curve]:
    """Of each contender's knobs that have runs with test sets."""
    first = PROBLEMS[problem].sets[0]
    of_problem = [r for r in rows(RESULTS / f"{name}_runs.csv") if r["problem"] == problem]
    tested = [r for r in of_problem if r.get(first)]
    found = []
    for contender, knobs in dict.fromkeys((r["contender"], r["knobs"]) for r in tested):
        side = json.loads(knobs).get("size", CONTENDERS[contender].size)
        own = [r for r in tested if (r["contender"], r["knobs"]) == (contender, knobs)]
        rates: dict[float, str] = {}
        quality: dict[int, dict[float, float]] = {}
        chosen: dict[int, dict[float, float]] = {}
        pixels: dict[float, float] = {}
        for seconds in sorted({float(r["seconds"]) for r in own}):
            runs = _at_its_best_rate([r for r in own if float(r["seconds"]) == seconds])
            rates[seconds] = runs[0]["learning_rate"]
            for r in runs:
                quality.setdefault(int(r["seed"]), {})[seconds] = float(r[first])
                chosen.setdefault(int(r["seed"]), {})[seconds] = float(r["choices"])
                pixels[seconds] = float(r["work_units"]) * side**2 / 1e6
        settings = f"{_said(knobs)}, {_rates_said(rates)}".lstrip(", ")
        found.append(Curve(contender, settings, quality, chosen, pixels))
    return found


def _at_its_best_rate(runs: list[dict[str, str]]) -> list[dict[str, str]]:
    """Of runs of one contender and budget those with the rate that has most seeds, then quality."""
    by_rate: dict[str, list[dict[str, str]]] = {}
    for r in runs:
        by_rate.setdefault(r["learning_rate"], []).append(r)
    return max(
        by_rate.values(), key=lambda of: (len(of), statistics.mean(float(r["choices"]) for r in of))
    )


def _rates_said(rates: dict[float, str]) -> str:
    """Learning rates of budgets, each where it is another than before."""
    said, before = [], ""
    for seconds, rate in rates.items():
        if rate != before:
            said.append(f"{rate} from {seconds:g} s" if before else f"lr {rate}")
        before = rate
    return ", ".join(said)


def _said(knobs: str) -> str:
    names = {"strategy.batch_size": "batch", "strategy.": "", "_": " "}
    text = ", ".join(f"{name} {value}" for name, value in json.loads(knobs).items())
    for name, short in names.items():
        text = text.replace(name, short)
    return text


def interval(values: Sequence[float], digits: int = 2) -> str:
    """Mean and 95 % interval, from three values on."""
    mean = f"{statistics.mean(values):.{digits}f}"
    if len(values) < 3:
        return f"{mean} ({len(values)} seed{'s' * (len(values) > 1)})"
    half = STUDENT[min(len(values), 5)] * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean} ± {half:.{digits}f}"


def tuning_of(problem: str, name: str) -> str | None:
    """The best of what was tried of each contender; None if nothing was."""
    of_problem = [r for r in rows(RESULTS / f"{name}_runs.csv") if r["problem"] == problem]
    if not of_problem:
        return None
    seconds = min(float(r["seconds"]) for r in of_problem)
    tried = [r for r in of_problem if float(r["seconds"]) == seconds]
    seed = min(int(r["seed"]) for r in tried)
    best = []
    for contender in CONTENDERS:
        own = [r for r in tried if r["contender"] == contender and int(r["seed"]) == seed]
        own = list({(r["knobs"], r["learning_rate"]): r for r in own}.values())
        if own:
            r = max(own, key=lambda r: float(r["choices"]))
            settings = f"{_said(r['knobs'])}, lr {r['learning_rate']}".lstrip(", ")
            best.append([contender, settings, r["steps"], len(own), f"{float(r['choices']):.2f}"])
    best.sort(key=lambda row: -float(row[-1]))
    columns = ["contender", "best settings", "steps", "trials", "PSNR"]
    head = f"Tuning: {seconds:g} s, seed {seed}, PSNR in dB on the images to choose by:"
    return f"{head}\n\n{as_markdown(columns, best)}"


def body_of(problem: str, name: str) -> str | None:
    """What has been found out about a problem; None if nothing has."""
    curves, tuning = curves_of(problem, name), tuning_of(problem, name)
    baselines = [c for c in curves if not CONTENDERS[c.name].ours]
    if not baselines:
        return tuning and f"## {problem}\n\n{tuning}"
    sets = PROBLEMS[problem].sets
    most = max(s for c in baselines for s in c.seconds)
    budgets = sorted({s for c in curves for s in c.seconds})
    of_all = [c for c in baselines if most in c.seconds and len(c.quality) > 1] or baselines
    best = max(of_all, key=lambda c: statistics.mean(q.get(most, 0) for q in c.chosen.values()))
    table = [
        [c.name, c.settings, *(interval(c.at(s)) if c.at(s) else "" for s in budgets)]
        for c in sorted(curves, key=lambda c: -statistics.mean(c.at(c.seconds[-1])))
    ]
    parts = [
        f"## {problem}",
        f"PSNR in dB on {sets[0]}, whole images; mean and 95 % interval over seeds. The best "
        f"baseline, by the images that choices are made by, is **{best.name}** ({best.settings}).",
        as_markdown(["contender", "tuned to", *(f"{s:g} s" for s in budgets)], table),
    ]
    if most / 2 in best.seconds and len(best.at(most)) == len(best.at(most / 2)):
        gain = statistics.mean(best.at(most)) - statistics.mean(best.at(most / 2))
        flat = PROBLEMS[problem].flat
        verdict = "flat" if gain < flat else "not flat yet"
        parts.append(f"Twice {most / 2:g} s gain it {gain:.3f} dB: {verdict} (at {flat:g} dB).")
    ours = [c for name in CONTENDERS for c in curves if c.name == name and CONTENDERS[name].ours]
    if ours:
        parts.append(_leads(ours, best, [s for s in (most, most / 2) if s in best.seconds]))
    return "\n\n".join([*parts, tuning or ""])


def _leads(ours: list[Curve], best: Curve, targets: list[float]) -> str:
    """How many times fewer seconds and pixels, and how many dB more at equal seconds."""
    table = [row for curve in ours for s in targets if (row := _lead(curve, best, s)) is not None]
    columns = [
        *("ours", "budget of the baseline", "its quality", "times fewer seconds (range)"),
        *("times fewer pixels", "dB more at equal seconds"),
    ]
    return f"Ours beside it, seed by seed:\n\n{as_markdown(columns, table)}"


def _lead(curve: Curve, best: Curve, seconds: float) -> list[str] | None:
    """Of one way, at one budget of the baseline; None where nothing can be said."""
    seeds = [s for s in curve.quality if seconds in best.quality.get(s, {})]
    if not seeds:
        return None
    goal = [(s, best.quality[s][seconds]) for s in seeds]
    times = [curve.reaches(seed, quality) for seed, quality in goal]
    if seconds > curve.seconds[-1] and all(sign == "> " for _, sign in times):
        return None  # it has not run so long
    sign = "< " if any(x == "> " for _, x in times) else ""
    sign = sign or ("≥ " if any(x == "≤ " for _, x in times) else "")
    factors = sorted(seconds / t for t, _ in times)
    pixels = sorted(best.megapixels[seconds] / curve.pixels_in(t) for t, _ in times)
    gains = [
        curve.quality[s][seconds] - best.quality[s][seconds]
        for s in seeds
        if seconds in curve.quality[s]
    ]
    return [
        *(curve.name, f"{seconds:g} s"),
        f"{statistics.mean(q for _, q in goal):.2f} dB",
        f"{sign}{statistics.median(factors):.2f} ({factors[0]:.2f}–{factors[-1]:.2f})",
        f"{sign}{statistics.median(pixels):.2f}",
        interval(gains, 3) if gains else "",
    ]


def publish_tables(name: str, seeds: Sequence[int]) -> None:
    """benchmarks/results/{name}.md, of all problems that have rows."""
    found = {problem: body_of(problem, name) for problem in PROBLEMS}
    bodies = {problem: body for problem, body in found.items() if body is not None}
    if not bodies:
        return
    large = all(PROBLEMS[problem].large for problem in bodies)
    where = "on a GPU in bfloat16, passes as CUDA graphs" if large else "one thread"
    head = (
        f"Training on the photographs of BSDS500 that are not in CBSD68: 200; choices by 32 "
        f"others. Crops of at most {LARGEST}×{LARGEST}, {where}. Seconds are those of steps on "
        f"a quiet machine, without start-up. Every row: [{name}_runs.csv]({name}_runs.csv); what "
        f"steps take: [{name}_paces.csv]({name}_paces.csv). Inpainting: holes of 16 to 32 pixels, "
        f"three on 128×128."
    )
    if any(PROBLEMS[problem].pairs for problem in bodies):
        head += (
            " Real noise: PolyU's pairs (Xu et al., 2018), 43 to train on, 28 to choose by, 29 to "
            "test on, no thing in two of these."
        )
    publish(name, "Quality against seconds", "\n\n".join([head, *bodies.values()]), seeds)
