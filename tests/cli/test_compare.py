"""Comparisons from the shell: what their files hold, and what stands before it."""

from pathlib import Path

import pytest

from telegrad.cli import compare
from telegrad.cli.main import main

SMALL = """
networks: [PlainCNN]
network.channels: 4
strategies: [Single]
seeds: [0]
size: 16
steps: 4
validation.images: 2
device: cpu
"""


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Calls `telegrad compare` on a file; what would be launched: a comparison, where, by whom."""
    monkeypatch.chdir(tmp_path)
    launched = []
    monkeypatch.setattr(compare, "launched", lambda *what: launched.append(what) or 0)

    def ask(more, *words):
        names = {line.partition(":")[0] for line in more.splitlines()}
        kept = [line for line in SMALL.splitlines() if line.partition(":")[0] not in names]
        Path("a.yaml").write_text("\n".join([*kept, more]))
        assert main(["compare", "--config", "a.yaml", *words]) == (0 if launched else 2)
        ((comparison,), directory, workers) = launched.pop() if launched else ((None,), None, None)
        return comparison, directory, workers

    return ask


def test_all_options_can_stand_in_the_file(asked, monkeypatch):
    monkeypatch.setenv("PLACE", "there")
    more = "learning_rates: [1e-3, 2E-3]\nout: $PLACE\nparallel: 2\nthreads: 1\nexecutor: local\n"
    comparison, directory, workers = asked(more + "executor_options: {timeout_min: 5}")
    assert comparison.rates == [1e-3, 2e-3]
    assert directory == Path("there")
    assert (workers.parallel, workers.threads, workers.where) == (2, 1, "local")
    assert workers.options == {"timeout_min": 5}
    comparison, directory, workers = asked("preset: quick\nseeds: [7]")
    assert (comparison.options["learning_rate"], comparison.options["steps"]) == (1e-3, 4)
    assert comparison.seeds == [7] and directory == Path("comparison")


def test_the_command_line_goes_before_the_file(asked):
    more = "executor: local\nparallel: 2\nout: there\n"
    words = "--executor processes --parallel 3 --out here --seeds 1,2 --work_units 60".split()
    comparison, directory, workers = asked(more, *words)
    assert (workers.where, workers.parallel, directory) == ("processes", 3, Path("here"))
    assert comparison.seeds == [1, 2]
    assert comparison.options["work_units"] == "60" and "steps" not in comparison.options


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("parallel: 0", "--config a.yaml: parallel=0: needs 1 or more"),
        ("threads: x", "threads='x': needs a whole number"),
        ("executor: pigeons", "executor='pigeons': needs one of processes, slurm, local"),
        ("executor_options: {a: 1}", "needs executor=slurm or local"),
        ("out: 3", "out=3: needs a text"),
        ("out: ../there", "out=../there leads out of this directory"),
        ("preset: slow", "needs one of quick"),
        ("config: b.yaml", "config is for the command line alone"),
        ("learning_rates: ['1e-3']", "needs a list of numbers"),
        ("learning_rates: [0]", "needs a number above 0 each"),
        ("strategies: [1]", "strategies=[1]: needs values by name or a list of texts"),
        ("strategies: [{a: {strategy: Single}}]", "needs values by name or a list of texts"),
        ("strategies: {1: {strategy: Single}}", "needs names, or options of a run by names"),
        ("strategies: {x: Single}", "x='Single'; needs options by name"),
        ("of_task: 3", "of_task=3: needs values by name"),
        ("of_task: {denoising: 3}", "of_task: denoising=3; needs options by name"),
        ("options: {sigma: 3}", "needs each of them beside the other arguments"),
        ("strategy: Cascadic", "strategy=Cascadic can't be an option of all runs"),
    ],
)
def test_a_file_is_checked_as_the_command_line_is(more, says, asked, capsys):
    assert asked(more) == (None, None, None)
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1
