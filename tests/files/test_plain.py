"""Hostile YAML and JSON is refused at once."""

import json

import pytest
import yaml

from telegrad.cli.main import main
from telegrad.files import as_yaml, read_json, read_yaml

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]\n" for k in range(1, 12)
)
MERGES = "a0: &a0 {k0: 1}\n" + "".join(
    f"a{k}: &a{k} {{<<: [{', '.join([f'*a{k - 1}'] * 10)}], k{k}: 1}}\n" for k in range(1, 12)
)
HOSTILE = {
    "aliases that explode": (LAUGHS, "stands for more than 100,000 values"),
    "merges that explode": (MERGES, "stands for more than 100,000 values"),
    "a value in itself": ("a: &a [*a]\n", "contains itself"),
    "a name twice": ("seed: 1\nseed: 2\n", "seed stands there twice"),
    "depth": ("[" * 20_000, "RecursionError"),
    "size": ("a: " + "x" * 2**20, "more than 1,048,576 bytes"),
    "an object": ("!!python/object/apply:os.system [true]", "could not determine a constructor"),
    "no text": ("\udcff", "UnicodeDecodeError"),
    "a tab": ("a:\n\t- b", "ScannerError"),
}


@pytest.fixture(params=HOSTILE, ids=lambda name: name.replace(" ", "_"))
def hostile(request, tmp_path):
    """A file, and what is wrong with it."""
    text, why = HOSTILE[request.param]
    file = tmp_path / "config.yaml"
    file.write_bytes(text.encode(errors="surrogateescape"))
    return file, why


def test_it_is_refused_with_the_reason(hostile):
    file, why = hostile
    with pytest.raises(ValueError, match=why):
        read_yaml(file)


@pytest.mark.parametrize("command", ["train", "plan", "compare"])
def test_commands_answer_in_one_line(hostile, capsys, command):
    file, why = hostile
    assert main([command, "--config", str(file)]) == 2
    said = capsys.readouterr().err
    assert why in said and said.count("\n") == 1


def test_a_run_with_such_a_description_is_not_resumed(hostile, capsys, tmp_path):
    file, why = hostile
    run = tmp_path / "runs" / "x"
    run.mkdir(parents=True)
    file.rename(run / "config.yaml")
    assert main(["train", "--resume", str(run)]) == 2
    assert why in capsys.readouterr().err
    assert main(["report", str(tmp_path)]) in (0, 2)
    assert main(["evaluate", str(run)]) == 2


def test_aliases_that_only_save_typing_are_read(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("base: &base {size: 32}\nrun: {<<: *base, seed: 1}\nagain: *base\n")
    assert read_yaml(file) == {
        "base": {"size": 32},
        "run": {"size": 32, "seed": 1},
        "again": {"size": 32},
    }


def test_what_yaml_writes_is_read_back(tmp_path):
    content = {"a": [1, 2.5, None, True, "ä: #"], "b": {"c": {}}, "d": "2020-01-01"}
    for text in (yaml.safe_dump(content), as_yaml(content)):
        (tmp_path / "a.yaml").write_text(text)
        assert read_yaml(tmp_path / "a.yaml") == content
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert read_yaml(tmp_path / "empty.yaml") is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e-3", 1e-3), ("1E5", 1e5), ("1.5e3", 1500), ("-.5e-1", -0.05), ("2.e+2", 200), ("3", 3)],
)
def test_numbers_are_those_of_yaml_1_2(text, number, tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text(f"a: {text}\nb: [{text}]\nc: '{text}'\n")
    read = read_yaml(file)
    assert read == {"a": number, "b": [number], "c": text}
    file.write_text(as_yaml(read))
    assert read_yaml(file) == read


@pytest.mark.parametrize("text", ["1e", "e3", "1e-3x", "0x1e", ".", "1e3wu", "v1e3"])
def test_texts_that_only_begin_as_numbers_stay_texts(text, tmp_path):
    (tmp_path / "a.yaml").write_text(f"a: {text}\n")
    assert read_yaml(tmp_path / "a.yaml") == {"a": 0x1E if text == "0x1e" else text}


@pytest.mark.parametrize("text", ["[" * 200_000, "{", "\xff", '{"a": 1e}'])
def test_json_that_can_not_be_used_is_refused(tmp_path, text):
    file = tmp_path / "a.json"
    file.write_bytes(text.encode("latin1"))
    with pytest.raises(ValueError, match=r"a\.json: not a JSON file"):
        read_json(file)
    file.write_text(json.dumps({"a": [1]}))
    assert read_json(file) == {"a": [1]}


@pytest.mark.parametrize("name", ["output.directory", "runtime.cache_dir"])
def test_a_file_does_not_lead_out_of_the_directory(tmp_path, capsys, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    part, _, option = name.partition(".")
    (tmp_path / "a.yaml").write_text(yaml.safe_dump({part: {option: "../../x"}}))
    assert main(["plan", "paper_denoising", "--config", "a.yaml"]) == 2
    assert f"{name}=../../x leads out of this directory" in capsys.readouterr().err
