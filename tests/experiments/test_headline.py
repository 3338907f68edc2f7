"""The sentence on top of a report: what is saved, at what quality, and what can't be said."""

import re

import pytest

from telegrad.experiments.equal_cost import EqualCost, usual_and_best
from telegrad.experiments.headline import headline
from telegrad.experiments.summary import summarize
from telegrad.records import RunDirectory

HEAD = "work_units,seconds,valid_loss,valid_psnr\n"


@pytest.fixture
def said(write_run, tmp_path):
    """Writes runs by (label, seed): rows of their courses; tells sentences and figures of them."""

    def of(runs, modes=None):
        for (label, seed), rows in runs.items():
            strategy = {"auto": "telegrad.schedules.Auto"}.get(label, "Single")
            budget = {"budget": "100wu"} if label == "auto" else {}
            last = min(row[2] for row in rows)
            files = write_run(tmp_path, label, seed, last, strategy=strategy, **budget)
            lines = [",".join(map(str, row)) for row in rows]
            files.progress.write_text(HEAD + "\n".join(lines) + "\n")
        summary = summarize(tmp_path)
        (setting,) = summary.settings
        setting = type(setting)(setting.options, True, setting.configurations)
        by_path = {run.path: run.mode for run in summary.runs}
        modes = {c.strategy: by_path[c.runs[0]] for c in setting.configurations}
        equal = EqualCost.of(tmp_path, setting.configurations)
        return headline(setting, equal, modes), equal

    return of


def fixed(loss=0.30):
    return [(50, 5, 0.5, 20.0), (100, 10, loss, 24.0)]


def auto(quick, loss=0.25):
    """As good as 0.30 after `quick` work units and half as many seconds as `fixed` a unit."""
    return [(quick, quick / 20, 0.29, 24.5), (100, 5, loss, 26.0)]


def test_times_less_are_geometric_means_with_an_interval_over_three_seeds(said):
    runs = {("fixed", seed): fixed() for seed in range(3)}
    runs |= {("auto", seed): auto(quick) for seed, quick in enumerate((20, 25, 31.25))}
    sentences, equal = said(runs)
    saving = equal.saving("auto", "fixed", "work_units")
    assert saving.times == pytest.approx(4.0)  # of 5, 4 and 3.2
    assert saving.low * saving.high == pytest.approx(16.0)
    assert equal.saving("auto", "fixed", "seconds").times == pytest.approx(8.0)
    assert re.fullmatch(
        r"auto reached the quality of fixed with 8\.0× \(4\.6–13\.9\) fewer seconds and 4\.0× "
        r"\(2\.3–7\.0\) less work; 3 seeds\.",
        sentences[0],
    )
    assert sentences[1] == (
        "At equal work (100 work units) 26.00 ± 0.00 dB against 24.00 ± 0.00 dB; "
        "at equal seconds (5 s) 26.00 ± 0.00 dB against 20.00 ± 0.00 dB."
    )


def test_below_three_seeds_there_is_neither_interval_nor_plus_minus(said):
    runs = {(name, seed): of for name, of in [("fixed", fixed()), ("auto", auto(20))] for seed in range(2)}  # fmt: skip
    sentences, _ = said(runs)
    assert "with 10.0× fewer seconds and 5.0× less work; 2 seeds." in sentences[0]
    assert "2 seeds are too few for an interval." in sentences
    assert "±" not in "".join(sentences)


def test_one_seed_can_not_be_told_from_chance(said):
    sentences, _ = said({("fixed", 0): fixed(), ("auto", 0): auto(20)})
    assert "With one seed no difference can be told from chance." in sentences


def test_what_was_not_reached_is_said(said):
    worse = [(50, 2.5, 0.5, 20.0), (100, 5, 0.4, 22.0)]
    sentences, equal = said({("fixed", 0): fixed(), ("auto", 0): worse})
    assert sentences[0] == "auto did not reach the quality of fixed within its budget; 1 seed."
    assert equal.saving("auto", "fixed", "seconds").times is None
    sentences, _ = said({("fixed", 1): fixed(), ("auto", 1): auto(20)})
    assert sentences[0] == "auto reached the quality of fixed with 1 of 2 seeds only."


def test_more_is_not_sold_as_less(said):
    slow = [(90, 20, 0.31, 23.0), (100, 25, 0.29, 24.5)]
    sentences, _ = said({("fixed", 0): fixed(), ("auto", 0): slow})
    assert "with 2.5× more seconds and as much work; 1 seed." in sentences[0]


def test_a_course_that_can_not_be_read_is_not_compared(said, tmp_path):
    runs = {("fixed", 0): fixed(), ("auto", 0): auto(20)}
    said(runs)
    torn = next(tmp_path.rglob("auto/**/progress.csv"))
    torn.write_text(HEAD + "50,5,not a number,20\n")
    summary = summarize(tmp_path)
    equal = EqualCost.of(tmp_path, summary.settings[0].configurations)
    assert equal.limits == {"work_units": None, "seconds": None}
    sentences = headline(summary.settings[0], equal, {"auto": "auto", "fixed": "single"})
    assert sentences[0] == "auto and fixed have no seed in common that can be read."
    assert RunDirectory.at(torn.parent).progress == torn


def test_the_usual_way_is_the_best_on_full_size_alone_or_else_the_second_best(said):
    _, equal = said({("fixed", 0): fixed(), ("auto", 0): auto(20)})
    assert equal.best("work_units") == "auto"

    class One:
        def __init__(self, strategy):
            self.strategy = strategy

    a, b, c = (One(name) for name in "abc")
    assert usual_and_best([a, b, c], {"a": "auto", "b": "cascadic", "c": "single"}) == (c, a)
    assert usual_and_best([a, b, c], {"a": "single", "b": "single", "c": "auto"}) == (a, c)
    assert usual_and_best([a, b], {"a": "single", "b": "single"}) == (b, a)
    assert usual_and_best([a], {}) is None
