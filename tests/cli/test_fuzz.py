"""Wrong input of every kind, by the thousand: one message, exit code 2, and nothing written."""

import io
import json
import string
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import fields

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from telegrad.cli import main as cli
from telegrad.data.source import NamedImage, Source
from telegrad.runs import recipes
from telegrad.runs import run as runs
from describe import changed, described
from telegrad.runs.run import run

SMALL = {
    "task": "denoising",
    "network": "resnet",
    "channels": 8,
    "size": 16,
    "levels": 2,
    "batch_size": 2,
    "work_units": 8,
    "images": 4,
    "validations": 1,
    "device": "cpu",
    "overwrite": True,
}


def thorough(examples):
    """The same examples on every machine, and no clock."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


# --- a command up to where training would begin ---------------------------------------------------


class Began(BaseException):
    """Training would have begun: the options were accepted."""


def began(*_, **__):
    raise Began


@pytest.fixture(scope="module", autouse=True)
def no_training():
    """Everything before training is real; its images are two small ones in memory."""
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    image = NamedImage("image", lambda: pixels)
    parser = cli.build_parser()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "build_parser", lambda: parser)  # building it takes the most time
        patch.setattr(recipes.sources, "built_in", lambda: Source("small", [image], [image]))
        patch.setattr(runs, "train", began)
        yield


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A directory with a photograph, a folder of two, and files that are something else."""
    here = tmp_path_factory.mktemp("fuzz")
    (here / "photos").mkdir()
    for k in range(2):
        Image.fromarray(np.full((20, 24, 3), 90 * k, np.uint8)).save(here / f"photos/{k}.png")
    (here / "file").write_text("something else")
    (here / "empty").mkdir()
    (here / "files").mkdir()
    return here


@pytest.fixture(scope="module")
def checkpoint(here):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "train", TRAIN)
        return str(run(described(**SMALL, out=str(here / "trained"))).files.best)


TRAIN = runs.train


def outcome(arguments):
    """Exit code, and what was said on the error stream."""
    said = io.StringIO()
    with redirect_stderr(said), redirect_stdout(io.StringIO()):
        try:
            code = cli.main([str(a) for a in arguments])
        except SystemExit as stop:
            code = stop.code
        except Began:
            code = 0
    return code, said.getvalue()


def refused(arguments, *, says=""):
    code, said = outcome(arguments)
    assert code == 2, f"exit code {code}: {said}"
    assert said.strip()
    assert says in said
    assert "Traceback" not in said


def on_the_command_line(options):
    return [f"--{name}={shell(value)}" for name, value in options.items() if name != "task"]


def shell(value):
    """A value as it is written on the command line."""
    return value if isinstance(value, str) else json.dumps(value)


def train_arguments(options, way, here):
    """`telegrad train` with these options, by the command line or by a file."""
    results = {"out": str(here / "results")}
    if way == "file":
        config = here / "files/config.yaml"
        config.write_text(yaml.safe_dump({**SMALL, **results, **options}), encoding="utf-8")
        return ["train", "--config", config]
    options = {**SMALL, **results, **options}
    return [
        "train",
        *([options["task"]] if "task" in options else []),
        *on_the_command_line(options),
    ]


WAYS = st.sampled_from(["command line", "file"])

# --- values that are wrong whatever the code says -------------------------------------------------

no_numbers = st.text(max_size=30).map(lambda text: "x" + text) | st.sampled_from(
    [
        " ",
        "1 2",
        "1,2",
        "0x",
        "1e",
        "--",
        "-",
        "½",
        "²",
        "\0",
        "\x1b[31m",
        "\u202e",
        "é" * 3000,
        "1\0",
    ]
)
lists = st.lists(st.integers(-5, 5) | st.text(max_size=5), max_size=4)
mappings = st.dictionaries(
    st.text(string.ascii_letters, min_size=1, max_size=5), st.integers(), min_size=1, max_size=3
)
nested = st.recursive(
    lists | mappings, lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=8
)
huge = st.integers(min_value=10**10, max_value=10**40) | st.sampled_from(
    [2**31 * 100, 2**63, 2**64, 10**400]
)
not_finite = st.sampled_from([float("nan"), float("inf"), float("-inf")])
broken = st.floats(allow_nan=False, allow_infinity=False, width=32).filter(lambda x: x != int(x))
below_zero = st.integers(max_value=-1)

no_integers = no_numbers | nested | not_finite | broken | st.booleans()
counts = no_integers | huge | below_zero | st.just(0)
no_floats = no_numbers | nested | not_finite | st.booleans()
no_choices = no_numbers | nested | not_finite | broken | st.integers() | st.just("")

WRONG = {
    "task": no_choices,
    "strategy": no_choices,
    "network": no_choices | st.just("own"),
    "channels": counts,
    "residual": no_numbers | nested | not_finite | st.integers(2),
    "dropout": no_floats | st.floats(max_value=-1e-300) | st.floats(min_value=1),
    "data": no_choices,
    "path": st.sampled_from(["", " ", "\0", "a\0b"]),
    "patch_size": counts,
    "train_patches": counts,
    "test_patches": counts,
    "bad_images": no_choices,
    "memory": no_floats | st.floats(max_value=-1e-300) | st.floats(min_value=1e20),
    "cache_dir": st.sampled_from(["", " ", "\0", "a\0b"]),
    "size": counts,
    "levels": counts,
    "batch_size": counts,
    "ratio": counts,
    "patches": no_floats | st.floats(max_value=-1e-300) | st.floats(min_value=1.001),
    "batch_sizes": no_numbers
    | mappings
    | not_finite
    | st.integers()
    | st.just([])
    | st.lists(counts, min_size=1, max_size=4),
    "form": no_choices,
    "steps": counts,
    "work_units": no_floats | st.floats(max_value=0) | st.floats(min_value=1e30),
    "budget": no_numbers
    | nested
    | st.sampled_from(
        ["5000", "wu", "-1wu", "0s", "1e99wu", "1e400s", "5 days", "nanwu", "½wu", "1wu1"]
    ),
    "shares": no_numbers
    | mappings
    | not_finite
    | st.just([])
    | st.lists(not_finite | no_numbers | st.floats(max_value=0), min_size=1, max_size=4),
    "adapt": no_floats | st.floats(max_value=0) | st.floats(min_value=1, exclude_min=True),
    "restriction": no_choices,
    "t_max": no_floats | st.floats(max_value=0) | st.floats(min_value=1, exclude_min=True),
    "sigma": no_floats | st.floats(max_value=-1e-300) | st.floats(min_value=1e20),
    "level_rule": no_choices,
    "learning_rate": no_floats
    | st.floats(max_value=0)
    | st.floats(min_value=1e20)
    | st.just(5e-324),
    "decay": no_floats | st.floats(max_value=0) | st.floats(min_value=1, exclude_min=True),
    "validations": counts,
    "images": counts,
    "seed": no_integers | below_zero | st.integers(min_value=2**64),
    "device": nested
    | st.sampled_from(
        ["", "abacus", "cpu:x", "cuda:-1", "cuda:99", "meta", "\0", ":", "cpu:", "é"]
    ),
    "processes": counts,
    "precision": no_choices,
    "ema": no_floats | st.floats(max_value=0) | st.floats(min_value=1),
    "compile": no_numbers | nested | not_finite | st.integers(2),
    "skip_updates": no_integers | below_zero | huge,
    "run_id": no_integers | st.integers(min_value=2**64),
    "out": st.sampled_from(["", " ", "\0", "a\0b"]),
    "label": st.sampled_from(["", " ", "\0", "a\0b"]),
    "overwrite": no_numbers | nested | not_finite | st.integers(2),
    "save_every": no_numbers
    | nested
    | st.booleans()
    | st.just(float("nan"))
    | st.floats(max_value=-1e-300),
}

PARTNERS = {
    "dropout": {"network": "unet", "channels": 16},
    "path": {"data": "folder"},
    "sigma": {"task": "deblurring"},
    "level_rule": {"task": "deblurring"},
    "shares": {"strategy": "cascadic", "work_units": 100},
    "ratio": {"strategy": "multiscale"},
    "adapt": {"strategy": "multiscale"},
    **{name: {"data": "urban100"} for name in recipes.PATCH_OPTIONS},
}
"""What an option needs so that only its own value is wrong."""


def around(name):
    """The valid options around a wrong value of this one."""
    return PARTNERS.get(name, {})


@pytest.mark.parametrize("name", [field.name for field in fields(Recipe) if field.name != "resume"])
def test_a_wrong_value_of_any_option_is_refused_by_name(name, here):
    @thorough(70)
    @given(WRONG[name], WAYS)
    def refused_by_name(value, way):
        leave_out = {"batch_size": None} if name == "batch_sizes" else {}
        leave_out |= {"work_units": None} if name in ("iterations", "budget") else {}
        options = {**around(name), **leave_out, name: value}
        refused(train_arguments(options, way, here), says="" if name == "task" else name)
        assert not (here / "results").exists()

    refused_by_name()


@thorough(300)
@given(
    st.lists(st.sampled_from(sorted(set(WRONG) - {"task"})), min_size=2, max_size=5, unique=True),
    st.data(),
    WAYS,
)
def test_several_wrong_values_at_once_are_refused(here, names, data, way):
    refused(train_arguments({name: data.draw(WRONG[name]) for name in names}, way, here))


def test_text_options_refuse_whatever_is_no_text_in_a_file(here):
    @thorough(60)
    @given(
        st.sampled_from(["data_dir", "cache_dir", "results_dir", "device"]),
        nested | st.integers() | st.booleans(),
    )
    def no_text(name, value):
        refused(train_arguments({name: value}, "file", here), says=name)

    no_text()


# --- right values that do not go together ---------------------------------------------------------

valid = {
    "seed": st.integers(0, 2**31),
    "run_id": st.integers(-5, 10**6),
    "learning_rate": st.floats(1e-6, 1),
    "save_every": st.floats(0, 1e6),
    "residual": st.booleans(),
    "form": st.sampled_from(["nested", "independent"]),
    "skip_updates": st.integers(0, 100),
    "t_max": st.floats(1e-3, 1),
}
conflicts = st.one_of(
    st.fixed_dictionaries({"steps": st.integers(1, 1000), "work_units": st.integers(8, 1000)}),
    st.fixed_dictionaries({"budget": st.sampled_from(["100wu", "1min"])}),
    st.fixed_dictionaries({"strategy": st.just("auto"), "work_units": st.none()}),
    st.fixed_dictionaries({"adapt": st.floats(0.01, 1)}),
    st.fixed_dictionaries({"patches": st.floats(0.01, 1), "strategy": st.just("multiscale")}),
    st.fixed_dictionaries({"batch_sizes": st.lists(st.integers(1, 9), min_size=2, max_size=2), "batch_size": st.integers(1, 9)}),
    st.fixed_dictionaries({"batch_sizes": st.lists(st.integers(1, 9), min_size=3, max_size=9), "batch_size": st.none()}),
    st.fixed_dictionaries({"shares": st.lists(st.integers(1, 9), min_size=2, max_size=9)}),
    st.fixed_dictionaries({"dropout": st.floats(0, 0.9)}),
    st.fixed_dictionaries({"sigma": st.floats(0, 9)}),
    st.fixed_dictionaries({"level_rule": st.sampled_from(["pixel", "physical"])}),
    st.fixed_dictionaries({"path": st.just("photos")}),
    st.fixed_dictionaries({"patch_size": st.integers(1, 99)}),
    st.fixed_dictionaries({"data": st.just("folder")}),
    st.fixed_dictionaries({"size": st.integers(8, 2000).map(lambda n: 2 * n + 1)}),
    st.fixed_dictionaries({"size": st.integers(17, 999).map(lambda n: 2 * n)}),
    st.fixed_dictionaries({"levels": st.integers(6, 16)}),
    st.fixed_dictionaries({"task": st.just("superresolution"), "t_max": st.floats(0.1, 1)}),
    st.fixed_dictionaries({"network": st.just("unet"), "channels": st.integers(1, 999).filter(lambda c: c % 16)}),
    st.fixed_dictionaries({"processes": st.integers(3, 99)}),
    st.fixed_dictionaries({"precision": st.just("16-mixed")}),
    st.fixed_dictionaries({"ratio": st.integers(2, 99), "batch_sizes": st.just([4, 2]), "batch_size": st.none()}),
)  # fmt: skip


@thorough(300)
@given(conflicts, st.fixed_dictionaries({}, optional=valid), WAYS)
def test_options_that_contradict_each_other_are_refused(here, conflict, others, way):
    refused(train_arguments({**others, **conflict}, way, here))


@thorough(60)
@given(st.fixed_dictionaries({}, optional=valid), WAYS)
def test_valid_options_are_accepted(here, options, way):
    options = {**options, "out": str(here / "accepted")}
    code, said = outcome(train_arguments(options, way, here))
    assert code == 0, said


# --- broken files ---------------------------------------------------------------------------------

words = st.sampled_from(
    ["seed", "mode", "single", "1", "-", "?", ":", ": ", " ", "\n", "\t", "[", "]", "{", "}", "&a", "*a",
     "!!python/object/apply:os.system", "!!binary", "!x", "|", ">", "'", '"', "%", "@", "`", "#", "---",
     "...", "<<", "~", "\0", "\ufeff", "é", "0x", "1e999", ".nan", ".inf", "2020-01-01", "9" * 5000]
)  # fmt: skip
broken_yaml = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(words, max_size=12).map(lambda parts: "".join(parts).encode()),
    st.integers(1, 99).map(lambda depth: b"[" * depth),
    st.integers(1, 99).map(lambda depth: b"{a: " * depth),
    st.dictionaries(st.text(max_size=8), st.integers() | nested, max_size=3).map(
        lambda content: yaml.safe_dump(content).encode()
    ),
)
NAMES = {"task", "resume", *(field.name for field in fields(Recipe))}


def means_options(content):
    """Whether bytes are a YAML mapping of known options."""
    try:
        found = yaml.safe_load(content.decode("utf-8"))
    except (ValueError, RecursionError, yaml.YAMLError):
        return False
    return isinstance(found, dict) and {str(key).split(".")[0] for key in found} <= NAMES


@thorough(600)
@example(b"[" * 2000)
@example(b"{a: " * 2000)
@example(b"\xff\xfe")
@example(b"seed: " + b"9" * 5000)
@given(broken_yaml.filter(lambda content: not means_options(content)))
def test_a_file_that_is_no_configuration_is_refused(here, content):
    (here / "files/broken.yaml").write_bytes(content)
    results = f"--out={here / 'results'}"
    refused(["train", "denoising", "--config", here / "files/broken.yaml", results])


@thorough(300)
@example(b"{a: " * 2000)
@example(b"\xff\xfe")
@given(broken_yaml)
def test_a_run_whose_configuration_is_broken_is_not_resumed(here, content):
    (here / "broken").mkdir(exist_ok=True)
    (here / "broken/config.yaml").write_bytes(content + b"\nlerning_rate: 1")
    refused(["train", "--resume", here / "broken"], says="resume")


def test_a_run_whose_configuration_has_a_wrong_value_is_not_resumed(here):
    @thorough(250)
    @given(st.data(), st.sampled_from(sorted(WRONG)))
    def not_resumed(data, name):
        value = data.draw(WRONG[name])
        directory = here / "wrong"
        directory.mkdir(exist_ok=True)
        options = {**SMALL, **around(name), name: value}
        (directory / "config.yaml").write_text(yaml.safe_dump(options), encoding="utf-8")
        refused(["train", "--resume", directory])

    not_resumed()


# --- the other commands ---------------------------------------------------------------------------

no_files = st.sampled_from(["", " ", "\0", "nowhere", "a\0b", "x" * 5000, "é" * 300])
images = no_integers.map(shell) | (huge | st.integers(max_value=0)).map(str)

WRONG_EVALUATION = {
    "task": no_choices.map(shell) | st.just("deblurring"),
    "network": no_choices.map(shell) | st.just("unet"),
    "data": no_choices.map(shell) | st.just("folder"),
    "path": no_files,
    "size": images,
    "images": images,
    "bad_images": no_choices.map(shell),
    "device": st.sampled_from(["", "abacus", "cpu:x", "cuda:99", "meta", "\0", ":", "é"]),
}
WRONG_RESTORATION = {
    **{name: WRONG_EVALUATION[name] for name in ("task", "network", "device")},
    "out": st.sampled_from(["", " ", "\0", "{here}/file", "{here}/file/below", "x" * 5000]),
    "noise": no_floats.map(shell)
    | st.floats(max_value=-1e-300).map(str)
    | st.floats(min_value=256).map(str),
    "tile": no_integers.map(shell) | (huge | st.integers(max_value=15)).map(str),
}
WRONG_PREPARATION = {
    "path": st.sampled_from(["", " ", "\0", "{here}/file", "x" * 5000]),
    "test_every": no_integers.map(shell) | st.integers(max_value=1).map(str),
}


@pytest.mark.parametrize("name", WRONG_EVALUATION)
def test_a_wrong_option_of_evaluate_is_refused(name, checkpoint):
    @thorough(30)
    @given(WRONG_EVALUATION[name])
    def is_refused(value):
        folder = ["--data=folder"] if name == "data_dir" else []
        refused(["evaluate", checkpoint, *folder, f"--{name}={value}"])

    is_refused()


@pytest.mark.parametrize("name", WRONG_RESTORATION)
def test_a_wrong_option_of_restore_is_refused(name, checkpoint, here):
    @thorough(30)
    @given(WRONG_RESTORATION[name])
    def is_refused(value):
        option = f"--{name}={value.changed('{here}', str(here))}"
        refused(["restore", checkpoint, here / "photos", f"--out={here / 'restored'}", option])

    is_refused()


@pytest.mark.parametrize("name", WRONG_PREPARATION)
def test_a_wrong_option_of_prepare_is_refused(name, here):
    @thorough(40)
    @given(WRONG_PREPARATION[name])
    def is_refused(value):
        option = f"--{name}={value.changed('{here}', str(here))}"
        refused(["prepare", "urban100", here / "photos", f"--data.path={here / 'data'}", option])

    is_refused()


@thorough(60)
@given(no_files | st.sampled_from(["{here}", "{here}/empty", "{here}/file"]))
def test_what_is_no_file_or_folder_of_images_is_refused(here, checkpoint, place):
    place = place.changed("{here}", str(here))
    refused(["evaluate", place])
    refused(["restore", place, here / "photos"])
    refused(["train", "--resume", place])
    if place != str(here):  # which has images below
        out = f"--out={here / 'restored'}"
        if not place.endswith("file"):  # an unreadable image among others is left out, with code 1
            refused(["restore", checkpoint, place, out])
        refused(["prepare", "urban100", place, f"--data.path={here / 'data'}"])


@thorough(150)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_checkpoint_are_refused(here, content):
    (here / "bytes.pt").write_bytes(content)
    refused(["evaluate", here / "bytes.pt"], says="bytes.pt")


@thorough(150)
@given(st.lists(st.text(max_size=12).filter(lambda text: text[:1] != "-"), max_size=3))
def test_words_that_are_no_command_are_refused(words):
    refused([f"x{word}" for word in words])
