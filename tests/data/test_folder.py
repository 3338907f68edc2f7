import numpy as np
import pytest
import tifffile
from PIL import Image

from telegrad.data import Folder


def test_a_folder_without_a_split_keeps_every_tenth_image_for_validation(directory):
    source = Folder(path=str(directory)).source()
    names = [[i.name[-6:-4] for i in part] for part in (source.val, source.train)]
    assert names[0] == ["00", "10"]
    assert names[1] == [f"{k:02}" for k in range(12) if k not in (0, 10)]


def test_a_folder_with_train_and_val_uses_them_with_their_subfolders(tmp_path, photograph):
    for place in ("train/a/1.png", "train/b/2.JPG", "val/3.png", "4.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photograph(0)).save(tmp_path / place)
    source = Folder(path=str(tmp_path)).source()
    assert [i.name.rsplit("/", 1)[1] for i in source.train] == ["1.png", "2.JPG"]
    assert [i.name.rsplit("/", 1)[1] for i in source.val] == ["3.png"]


def test_folders_without_images_are_refused(tmp_path, photograph):
    with pytest.raises(FileNotFoundError, match="is not a directory"):
        Folder(path=str(tmp_path / "nowhere")).source()
    with pytest.raises(ValueError, match=r"no images in .*needs files ending in .*\.jpg"):
        Folder(path=str(tmp_path)).source()
    Image.fromarray(photograph(0)).save(tmp_path / "one.png")
    with pytest.raises(ValueError, match="only one image"):
        Folder(path=str(tmp_path)).source()


@pytest.mark.parametrize("path", ["", "  ", "a\0b", None, 3])
def test_a_path_that_names_nothing_is_refused_at_once(path):
    with pytest.raises(ValueError, match="path=.*: needs a text"):
        Folder(path=path)


def test_a_folder_without_a_path_is_refused_at_once():
    with pytest.raises(TypeError, match="'path'"):
        Folder()


def test_images_that_are_skipped_are_those_that_are_refused(tmp_path):
    """Also of kinds that Pillow can't open, and larger than its limit where that is lifted."""
    values = np.random.default_rng(0).random((40, 44, 3), np.float32)
    for k in range(4):
        tifffile.imwrite(tmp_path / f"{k}.tif", values, photometric="rgb")
    Image.new("RGB", (40, 44)).save(tmp_path / "4.png")
    refusing = Folder(path=str(tmp_path), size=32).source()
    skipping = Folder(path=str(tmp_path), size=32, bad_images="skip").source()
    assert [len(refusing.train), len(refusing.val)] == [len(skipping.train), len(skipping.val)]


def test_a_limit_that_is_lifted_counts_where_images_are_skipped_too(tmp_path, monkeypatch):
    for k in range(3):
        Image.new("RGB", (40, 44)).save(tmp_path / f"{k}.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    options = {"path": str(tmp_path), "size": 32, "bad_images": "skip"}
    assert len(Folder(max_pixels=5000, **options).source().train) == 2
    with pytest.warns(UserWarning, match="more than 1,000 in all"), pytest.raises(ValueError):
        Folder(max_pixels=1000, **options).source()
