"""Runs as jobs: the same runs as in processes, in one shared directory."""

import json

import pytest

from telegrad.cli.main import main
from telegrad.experiments.cluster import Cluster
from telegrad.experiments.workers import Workers
from telegrad.records import run_directories

submitit = pytest.importorskip("submitit")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # submitit's log files


def figures(directory):
    """What does not depend on the machine's mood, of every run."""
    reports = {}
    for files in run_directories(directory):
        report = json.loads(files.report.read_text())
        reports[files.name, files.path.parents[1].name] = (report["restored"], report["work_units"])
    return reports


def test_jobs_make_the_same_runs_as_processes(tmp_path, options, capsys):
    words = [f"--{name}={value}" for name, value in options.items()]
    strategies = "{single: {strategy: Single, batch_size: 4}}"
    command = ["compare", *words, "--strategies", strategies, "--seeds", "[0, 1]"]
    jobs = ["--executor", "local", "--executor_options", "{timeout_min: 5}"]
    assert main([*command, *jobs, "--out", str(tmp_path / "jobs")]) == 0
    said = capsys.readouterr().out
    assert "2 runs, 2 at a time with 1 thread each: about 1 minute." in said
    assert main([*command, "--threads", "1", "--out", str(tmp_path / "processes")]) == 0
    made = figures(tmp_path / "jobs")
    assert len(made) == 2
    assert made == figures(tmp_path / "processes")
    assert (tmp_path / "jobs/report.html").exists()
    assert list((tmp_path / "jobs/jobs").glob("*_submitted.pkl"))


def test_a_job_that_fails_is_named_with_its_last_words(tmp_path, small, configs_of):
    from dataclasses import replace

    from telegrad.experiments.executors import last_words
    from telegrad.runs.component import Component

    (tmp_path / "photos").mkdir()
    photos = Component.of("data", "Folder", path=str(tmp_path / "photos"), size=16)
    config = replace(configs_of(small(seeds=[0]), tmp_path)[0], data=photos)
    with Cluster(tmp_path, "local", threads=1) as cluster:
        job = cluster.start(config)
        job.wait()
    assert job.poll() == 2
    assert "photos" in last_words(config)


def test_options_that_can_not_be_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"executor=local, executor_options=.*partitoin"):
        Cluster(tmp_path, "local", threads=1, options={"partitoin": "gpu"})
    with pytest.raises(ValueError, match="executor=slurm.*srun"):
        Cluster(tmp_path, "slurm", threads=1)
    with pytest.raises(ValueError, match="needs executor=slurm or local"):
        Workers(options={"timeout_min": 5})
