"""Folders as people have them."""

from pathlib import Path

import pytest
from PIL import Image

from telegrad.data.image_folder import images_in, list_images, make_output


@pytest.fixture
def save(photograph):
    def save(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photograph(0)).save(path)
        return path

    return save


def names(folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in list_images(folder).files]


def test_what_systems_strew_into_folders_is_passed_over_and_counted(tmp_path, save):
    save(tmp_path / "a.png")
    save(tmp_path / ".thumbnails/b.png")
    save(tmp_path / "__MACOSX/c.png")
    (tmp_path / "folder.png").mkdir()
    for name in ("._a.png", ".DS_Store", "Thumbs.db", "notes.txt", "video.mp4"):
        (tmp_path / name).write_bytes(b"no image")
    folder = list_images(tmp_path)
    assert [file.name for file in folder.files] == ["a.png"]
    assert folder.left_out == {"hidden folders": 2, "hidden files": 3, "files of other types": 2}
    assert folder.said == "files of other types (2), hidden files (3), hidden folders (2)"


def test_folders_named_like_images_are_no_images_but_what_is_in_them_is(tmp_path, save):
    (tmp_path / "empty.jpg").mkdir()
    save(tmp_path / "album.png/1.png")
    assert names(tmp_path) == ["album.png/1.png"]


def test_links_to_folders_are_followed_and_loops_end(tmp_path, save):
    save(tmp_path / "elsewhere/1.png")
    photos = tmp_path / "photos"
    save(photos / "own/2.png")
    (photos / "linked").symlink_to(tmp_path / "elsewhere")
    (photos / "own/loop").symlink_to(photos)
    (photos / "again").symlink_to(photos / "own")
    (photos / "nothing.png").symlink_to(tmp_path / "gone.png")
    assert names(photos) == ["linked/1.png", "own/2.png"]
    assert list_images(photos).left_out == {
        "links to folders that are in already": 2,
        "links to nothing": 1,
    }
    by_link = tmp_path / "by_link"
    by_link.symlink_to(photos)
    assert names(by_link) == ["linked/1.png", "own/2.png"]


@pytest.mark.parametrize("suffix", [".pgm", ".ppm", ".gif", ".jfif", ".PNG", ".jpe", ".dib"])
def test_images_of_many_suffixes_are_taken(tmp_path, suffix):
    Image.new("L", (8, 8)).save(tmp_path / f"a{suffix}")
    assert names(tmp_path) == [f"a{suffix}"]


def test_a_format_that_pillow_does_not_read_here_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "registered_extensions", lambda: {".png": "PNG"})
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "b.heic").write_bytes(b"")
    assert names(tmp_path) == ["a.png"]
    assert list_images(tmp_path).said == ".heic that Pillow doesn't read here (1)"


def test_results_that_lie_among_images_are_not_taken_for_images(tmp_path, save):
    save(tmp_path / "a.png")
    make_output(tmp_path / "results")
    save(tmp_path / "results/deeper/picture.png")
    assert names(tmp_path) == ["a.png"]
    assert list_images(tmp_path).left_out == {"folders of results": 1}
    assert [f.name for f in images_in(tmp_path / "results")] == ["picture.png"]


def test_a_folder_that_was_there_is_never_marked_as_results(tmp_path, save):
    save(tmp_path / "photos/a.png")
    make_output(tmp_path / "photos")
    assert names(tmp_path) == ["photos/a.png"]


def test_a_folder_without_images_says_what_else_is_in_it(tmp_path):
    (tmp_path / "._a.png").write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"no images in .* \(but hidden files \(1\)\); needs files"
    ):
        images_in(tmp_path)
