"""What can be checked of workflows and forms where there is no GitHub."""

import re
from pathlib import Path

import pytest
import yaml

tomllib = pytest.importorskip("tomllib")  # of Python 3.11 on

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
VERSIONS = re.findall(
    r"Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"])
)  # the ones that are promised


def workflow(name):
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_a_workflow_has_what_it_needs(path):
    text = path.read_text()
    found = yaml.safe_load(text)
    assert {"name", True, "permissions", "jobs"} <= set(found)  # `on` is read as a truth value
    assert found["permissions"] == {"contents": "read"}
    for name, job in found["jobs"].items():
        assert "uses" in job or {"runs-on", "steps"} <= set(job), name
        assert set([job.get("needs", name)]) <= set(found["jobs"])
        for step in job.get("steps", []):
            assert ("uses" in step) != ("run" in step), (name, step)
            assert "@" in step.get("uses", "@")
    assert "secrets." not in text


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_commands_of_a_workflow_exist(path):
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    extras = set(PROJECT["project"]["optional-dependencies"])
    text = path.read_text()
    assert set(re.findall(r"\bmake (\w+)", re.sub(r"`[^`]*`|#.*", "", text))) <= targets
    installed = ",".join(re.findall(r"\.\[([\w,]+)\]", text))
    assert set(filter(None, installed.split(","))) <= extras
    for file in re.findall(r"[\w/]+\.(?:txt|toml|py)\b", text):
        assert (ROOT / file).exists(), file
    for used in re.findall(r"uses: \./(\S+)", text):
        assert (ROOT / used).exists()
        assert "workflow_call" in yaml.safe_load((ROOT / used).read_text())[True]


def test_the_tests_run_on_all_systems_and_versions_that_are_promised():
    matrix = workflow("tests")["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["python-version"] == VERSIONS
    assert PROJECT["project"]["requires-python"] == f">={VERSIONS[0]}"
    assert matrix["os"] == ["ubuntu-latest", "macos-latest", "windows-latest"]


def test_the_site_that_is_published_is_the_one_that_was_built():
    steps = workflow("docs")["jobs"]["build"]["steps"]
    assert any(step.get("run") == "make docs" for step in steps)
    (path,) = (step["with"]["path"] for step in steps if "pages-artifact" in step.get("uses", ""))
    assert f"docs {path}\n" in (ROOT / "Makefile").read_text()


def test_a_release_is_tested_and_published_without_a_stored_secret():
    jobs = workflow("release")["jobs"]
    assert jobs["build"]["needs"] == "tests" and jobs["publish"]["needs"] == "build"
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    uses = [step.get("uses", "") for step in jobs["publish"]["steps"]]
    assert any(name.startswith("pypa/gh-action-pypi-publish@") for name in uses)
    assert not any("password" in str(step) for step in jobs["publish"]["steps"])
    version = re.search(
        r'^__version__ = "(.*)"$', (ROOT / "telegrad/__init__.py").read_text(), re.M
    )
    assert version is not None  # which the workflow compares with the tag


@pytest.mark.parametrize("path", FORMS, ids=lambda p: p.stem)
def test_a_form_for_issues_is_whole(path):
    form = yaml.safe_load(path.read_text())
    if path.stem == "config":
        assert set(form) <= {"blank_issues_enabled", "contact_links"}
        return
    assert {"name", "description", "body"} <= set(form)
    identifiers = [field["id"] for field in form["body"]]
    assert len(set(identifiers)) == len(identifiers)
    for field in form["body"]:
        assert field["type"] in {"textarea", "input", "dropdown", "checkboxes"}
        assert field["attributes"]["label"]


def test_there_is_a_form_of_each_kind():
    assert {path.stem for path in FORMS} == {"bug", "feature", "question", "config"}


def test_the_citation_is_whole():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "title", "message", "authors", "license"} <= set(citation)
    assert {"title", "authors", "journal", "year", "url"} <= set(citation["preferred-citation"])
    assert (
        citation["version"]
        == re.search(r'__version__ = "(.*)"', (ROOT / "telegrad/__init__.py").read_text())[1]
    )


def test_the_change_log_begins_with_this_version():
    import telegrad

    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert first is not None and first[1] == telegrad.__version__
