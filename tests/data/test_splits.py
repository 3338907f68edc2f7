"""Which images train, which validate, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from telegrad.data import Folder
from telegrad.data.source import Source
from telegrad.data.splits import split_folder


@pytest.fixture
def save():
    """Saves a small image, each with other pixels."""
    random = np.random.default_rng(0)

    def save(path: Path, side: int = 16) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (side, side, 3), np.uint8)).save(path)
        return path

    return save


def keys(source: Source) -> tuple[list[str], list[str]]:
    return [i.key for i in source.train], [i.key for i in source.val]


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val"])
def test_every_usual_name_of_a_validation_folder_is_known(tmp_path, save, name):
    save(tmp_path / "train/1.png")
    save(tmp_path / name / "2.png")
    assert keys(Folder(path=str(tmp_path)).source()) == (["train/1.png"], [f"{name}/2.png"])


@pytest.mark.parametrize("test", ["test", "testing", "Test"])
def test_images_to_test_on_are_never_trained_or_validated_on(tmp_path, save, test):
    for k in range(12):
        save(tmp_path / f"train/{k:02}.png")
    save(tmp_path / test / "99.png")
    source = Folder(path=str(tmp_path)).source()
    train, val = keys(source)
    assert val == ["train/00.png", "train/10.png"]
    assert len(train) == 10 and not any("99" in key for key in train)
    assert any("for testing, and left alone" in note for note in source.notes)


@pytest.mark.parametrize("there", [["val"], ["test"], ["val", "test"]])
def test_a_folder_with_nothing_to_train_on_is_refused(tmp_path, save, there):
    for part in there:
        save(tmp_path / part / "1.png")
    with pytest.raises(ValueError, match=f"has {' and '.join(there)} and no train"):
        Folder(path=str(tmp_path)).source()


@pytest.mark.parametrize("other", ["loose.png", "more/1.png"])
@pytest.mark.parametrize("part", ["train", "test", "val"])
def test_images_beside_such_folders_are_refused(tmp_path, save, part, other):
    save(tmp_path / part / "1.png")
    save(tmp_path / other)
    with pytest.raises(ValueError, match=rf"has {part}, and 1 images beside it \({other}\)"):
        Folder(path=str(tmp_path)).source()


def test_folders_that_mean_the_same_are_refused(tmp_path, save):
    for part in ("train", "val", "valid"):
        save(tmp_path / part / "1.png")
    with pytest.raises(ValueError, match="has val and valid, which mean the same"):
        Folder(path=str(tmp_path)).source()


def test_tests_deeper_down_are_not_mixed_in(tmp_path, save):
    save(tmp_path / "bottles/train/1.png")
    save(tmp_path / "bottles/test/2.png")
    with pytest.raises(ValueError, match="holds bottles/test, whose images would be mixed"):
        Folder(path=str(tmp_path)).source()


PAIRS = [("noisy", "clean"), ("lq", "gt"), ("HR", "LR"), ("input", "target"), ("blur", "sharp")]


@pytest.mark.parametrize("pair", [*PAIRS, ("DIV2K_HR", "DIV2K_LR_bicubic"), ("low", "high")])
@pytest.mark.parametrize("below", ["", "train/", "set/a/"])
def test_folders_of_pairs_are_refused_as_images_to_train_on(tmp_path, save, pair, below):
    for name in pair:
        save(tmp_path / below / name / "1.png")
        save(tmp_path / below / name / "2.png")
    with pytest.raises(ValueError, match="pairs of corrupted and clean images; a task corrupts"):
        Folder(path=str(tmp_path)).source()


def test_the_way_out_names_the_clean_ones(tmp_path, save):
    for name in ("HR", "LR"):
        save(tmp_path / name / "1.png")
    with pytest.raises(ValueError, match=rf"--data\.path {tmp_path}/HR\."):
        Folder(path=str(tmp_path)).source()


def test_files_that_are_pairs_by_their_names_are_refused(tmp_path, save):
    for k in range(3):
        save(tmp_path / f"scene{k}_real.png")
        save(tmp_path / f"scene{k}_mean.png")
    with pytest.raises(ValueError, match=r"holds scene0_mean\.png and scene0_real\.png, pairs"):
        Folder(path=str(tmp_path)).source()


def test_names_that_only_sound_like_pairs_are_images(tmp_path, save):
    for name in ("real_estate/a.png", "high_rise/b.png", "clean_street/c.png", "low.png"):
        save(tmp_path / name)
    assert sum(map(len, keys(Folder(path=str(tmp_path)).source()))) == 4


@pytest.mark.filterwarnings("ignore:skipped")
def test_the_split_is_of_images_that_can_be_used(tmp_path, save):
    for k in range(5):
        (tmp_path / f"a{k}.png").write_bytes(b"no image")
        save(tmp_path / f"b{k}.png")
    save(tmp_path / "a9.png", side=8)
    source = Folder(path=str(tmp_path), size=16, bad_images="skip").source()
    assert keys(source) == ([f"b{k}.png" for k in range(1, 5)], ["b0.png"])
    assert source.notes == ("left out 6 of 11 images, which can't be used",)


@pytest.mark.filterwarnings("ignore:skipped")
def test_an_image_that_breaks_off_does_not_validate(tmp_path, save):
    for k in range(4):
        save(tmp_path / f"{k}.png", side=64)
    whole = (tmp_path / "0.png").read_bytes()
    (tmp_path / "0.png").write_bytes(whole[: len(whole) // 2])
    source = Folder(path=str(tmp_path), bad_images="skip").source()
    assert keys(source) == (["2.png", "3.png"], ["1.png"])


@pytest.mark.filterwarnings("ignore:skipped")
def test_too_few_usable_images_are_refused_with_their_number(tmp_path, save):
    save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match="only 1 of 2 images can be used"):
        Folder(path=str(tmp_path), size=16, bad_images="skip").source()


def test_identical_files_in_both_parts_are_said(tmp_path, save):
    for k in range(12):
        save(tmp_path / f"{k:02}.png")
    (tmp_path / "05.png").write_bytes((tmp_path / "10.png").read_bytes())
    source = Folder(path=str(tmp_path)).source()
    assert source.notes == (
        "1 of 2 images to validate on are also trained on, as identical files (05.png = 10.png)",
    )


def test_a_split_does_not_depend_on_where_the_folder_lies(tmp_path, save):
    for k in range(12):
        save(tmp_path / f"here/{k:02}.png")
    before = keys(Folder(path=str(tmp_path / "here")).source())
    (tmp_path / "here").rename(tmp_path / "there")
    assert keys(Folder(path=str(tmp_path / "there")).source()) == before


def test_all_images_of_a_folder_are_evaluated_on(tmp_path, save):
    for k in range(12):
        save(tmp_path / f"{k:02}.png")
    source = Folder(path=str(tmp_path)).all_images()
    assert len(source.val) == 12 and not source.train


def test_a_folder_that_can_not_be_read_is_named(tmp_path):
    with pytest.raises(ValueError, match="can't be read"):
        split_folder(tmp_path / "gone")
