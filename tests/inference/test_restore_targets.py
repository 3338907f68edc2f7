"""What `restore` may write: never over an image, over other files only if told so."""

import os

import numpy as np
import pytest
from odd_images import model
from PIL import Image

from telegrad.inference import restore_files
from telegrad.inference.targets import targets_of


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "b.jpg"):
        picture(folder / name)
    return folder


def picture(file, value=90):
    Image.fromarray(np.full((8, 9, 3), value, "u1")).save(file)


def restored(source, out, **options):
    return restore_files(model(), source, out, noise=0, tile=16, **options)


def content(folder):
    return {f.relative_to(folder): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def aliases(photos, kind):
    """An output folder in which a.png is the original by another name."""
    out = photos.with_name("out")
    if kind == "folder":
        return photos
    if kind == "dots":
        return photos / ".." / photos.name
    if kind == "symlink":
        out.symlink_to(photos, target_is_directory=True)
        return out
    out.mkdir()
    if kind == "hard link":
        os.link(photos / "a.png", out / "a.png")
    elif kind == "linked file":
        (out / "a.png").symlink_to(photos / "a.png")
    return out


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kind", ["folder", "dots", "symlink", "hard link", "linked file"])
def test_originals_are_never_overwritten_by_any_name(photos, kind, overwrite):
    out, before = aliases(photos, kind), content(photos)
    with pytest.raises(ValueError, match=r"a\.png would be written to .*choose another --out"):
        restored(photos, out, overwrite=overwrite)
    assert content(photos) == before


def test_one_image_beside_itself(photos, monkeypatch):
    monkeypatch.chdir(photos)
    with pytest.raises(ValueError, match="one of the images"):
        restored("a.png", ".", overwrite=True)
    written, _ = restored("b.jpg", ".")
    assert [str(f) for f in written] == ["b.png"]


def test_what_is_there_is_replaced_only_if_told_so_and_nothing_is_written_before(photos, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "b.png").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match=r"b\.png would be overwritten; .*--overwrite"):
        restored(photos, out)
    assert content(out) == {(out / "b.png").relative_to(out): b"mine"}
    written, failed = restored(photos, out, overwrite=True)
    assert len(written) == 2 and not failed
    with Image.open(out / "b.png") as image:
        assert image.size == (9, 8)
    with pytest.raises(FileExistsError, match=r"a\.png and 1 more would be overwritten"):
        restored(photos, out)


def test_a_dangling_link_is_there_too(photos, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError, match=r"a\.png would be overwritten"):
        restored(photos, tmp_path / "out")


def test_an_output_folder_within_the_source_is_not_read(photos, monkeypatch):
    monkeypatch.chdir(photos)
    for _ in range(3):
        written, failed = restored(".", "restored", overwrite=True)
        assert sorted(str(f) for f in written) == ["restored/a.png", "restored/b.png"]
        assert not failed
    with pytest.raises(FileExistsError, match="--overwrite"):
        restored(".", "restored")
    (photos / "a.png").unlink()
    (photos / "b.jpg").unlink()
    with pytest.raises(ValueError, match="no images in"):
        restored(".", "restored", overwrite=True)


def test_a_folder_that_can_t_be_one_is_refused_before_anything_is_restored(photos, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError, match="is not a folder; choose another --out"):
        restored(photos, tmp_path / "file" / "deeper")
    (tmp_path / "out" / "a.png").mkdir(parents=True)
    with pytest.raises(FileExistsError, match=r"a\.png is a folder"):
        restored(photos, tmp_path / "out", overwrite=True)


def test_names_too_long_for_a_file_are_refused_before_anything_is_restored(photos, tmp_path):
    picture(photos / ("x" * 249 + ".jpg"))
    with pytest.raises(OSError, match="can't be written"):
        restored(photos, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.bmp", "a.jpg", "a.png"], ["a.png", "a.jpg.png", "a.png.png"]),
        (["A.png", "a.jpg"], ["A.png", "a.jpg.png"]),
        (["D/x.jpg", "d/X.jpg"], ["D/x.png", "d/X.jpg.png"]),
        (["a.jpg", "a.png", "a.png.png"], ["a.png", "a.png.png", "a.png.png.png"]),
        (["a.jpg", "a.png/b.jpg"], ["a.jpg.png", "a.png/b.png"]),
        (["e\u0301.jpg", "\u00e9.png"], ["e\u0301.png", "\u00e9.png.png"]),
    ],
)
def test_targets_of_one_name_get_distinct_ones(names, expected, tmp_path):
    root, out = tmp_path / "in", tmp_path / "out"
    files = [root / name for name in names]
    assert targets_of(files, root, out, lambda _: ".png") == [out / name for name in expected]


def test_a_full_disk_leaves_what_was_written_and_counts_it(photos, tmp_path, monkeypatch):
    out = tmp_path / "out"
    save = Image.Image.save

    def full(image, *arguments, **options):
        if (out / "a.png").exists():
            raise OSError(28, "No space left on device")
        save(image, *arguments, **options)

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match=r"No space left.* 1 of 2 images were restored before"):
        restored(photos, out)
    assert [f.name for f in out.glob("*.png")] == ["a.png"]
