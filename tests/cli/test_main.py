"""The program before any command: fast answers, and names that are not there."""

import json
import subprocess
import sys
from dataclasses import fields, is_dataclass
from importlib import import_module

import pytest

import telegrad
from telegrad.cli.arguments import FLAGS, Command, scan
from telegrad.cli.main import COMMANDS, main
from telegrad.runs.component import KINDS
from telegrad.runs.settings import SETTINGS

BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name.split(".")[0])
sys.meta_path.insert(0, Block())
from telegrad.cli.main import main
code = main({words!r})
loaded = {{name.split(".")[0] for name in sys.modules}}
print("LOADED", *sorted(loaded & {{"torch", "numpy", "jsonargparse", "lightning_fabric"}}))
sys.exit(code)
"""


def without(blocked, *words):
    script = BLOCK.format(blocked=set(blocked), words=list(words))
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["-h"], []])
def test_version_and_help_answer_without_torch(words):
    done = without(["torch"], *words)
    assert done.returncode == 0, done.stderr
    assert "LOADED\n" in done.stdout
    assert telegrad.__version__ in done.stdout or "usage: telegrad" in done.stdout


def test_train_without_its_packages_says_in_one_line_what_to_install():
    done = without(["jsonargparse", "lightning_fabric"], "train", "paper_denoising")
    assert done.returncode == 2
    assert "pip install 'telegrad[train]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_misspelled_command_gets_the_nearest(capsys):
    assert main(["trian"]) == 2
    assert "did you mean train?" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, capsys):
    assert main([command, "--help"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: telegrad {command}")
    assert "example: telegrad" in said


def test_a_dozen_options_head_the_help(capsys):
    assert main(["train", "paper_denoising", "--network", "ResNet", "--help"]) == 0
    head, *groups = capsys.readouterr().out.split("\n\n")[2:-1]
    assert len([line for line in head.splitlines() if line.startswith("  --")]) <= 12
    titles = [group.splitlines()[0] for group in groups]
    assert "task PaperDenoising:" in titles
    assert "network ResNet:" in titles
    assert any("--t_max" in group for group in groups)
    assert any("--network.channels" in group for group in groups)


def test_the_schema_knows_all_parts(capsys):
    assert main(["--print_completion", "jsonschema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert {"task", "network", "data", "loss", "optimizer", "strategy", "seed"} <= set(
        schema["properties"]
    )
    own = [
        a
        for a in schema["properties"]["network"]["anyOf"]
        if "init_args" in a.get("properties", {})
    ]
    assert any("channels" in a["properties"]["init_args"]["properties"] for a in own)


def test_whatever_is_true_or_false_may_stand_without_a_value():
    modules = [import_module(f"telegrad.cli.{name}") for name in COMMANDS]
    commands = [
        kind for kind in Command.__subclasses__() if sys.modules[kind.__module__] in modules
    ]
    kinds = [("", kind) for command in commands for kind in (command, *command.parts)]
    kinds += [(f"{part}.", settings) for part, settings in SETTINGS.items()]
    kinds += [("task.", kind) for kind in KINDS["task"].names().values() if is_dataclass(kind)]
    options = {part + f.name for part, kind in kinds for f in fields(kind) if "bool" in str(f.type)}
    assert {"open_browser", "runtime.compile", "task.turns"} <= options <= FLAGS
    assert scan(["--open_browser", "jpeg"]) == (["jpeg"], {"open_browser": "true"})
    assert scan(["--turns", "False"]) == ([], {"turns": "False"})
