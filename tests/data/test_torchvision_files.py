"""CIFAR-10 and STL-10, small, in the form in which they lie on a user's disk."""

import pickle
import sys

import numpy as np
import pytest
from data_files import write_cifar10, write_stl10

from telegrad.data import CIFAR10, STL10

pytestmark = pytest.mark.usefixtures("no_network")


def test_cifar10_is_read_from_its_pickled_batches(tmp_path, monkeypatch):
    pixels = write_cifar10(tmp_path, monkeypatch)
    source = CIFAR10(path=str(tmp_path)).source()
    assert (len(source.train), len(source.val)) == (30, 6)
    expected = pixels["data_batch_2"][1].reshape(3, 32, 32).transpose(1, 2, 0)
    assert np.array_equal(source.train[7].open(), expected)
    assert source.val[0].name == "cifar10 test 0"


def test_stl10_trains_on_labeled_and_unlabeled_images(tmp_path, monkeypatch):
    pixels = write_stl10(tmp_path, monkeypatch)
    source = STL10(path=str(tmp_path)).source()
    assert (len(source.train), len(source.val)) == (12, 4)
    assert np.array_equal(source.train[2].open(), pixels["train_X.bin"][2].transpose(1, 2, 0))
    assert np.array_equal(source.train[5].open(), pixels["unlabeled_X.bin"][0].transpose(1, 2, 0))


@pytest.mark.parametrize(("write", "kind", "file"), [
    (write_cifar10, CIFAR10, "cifar-10-batches-py/data_batch_3"),
    (write_stl10, STL10, "stl10_binary/unlabeled_X.bin"),
])  # fmt: skip
def test_missing_half_downloaded_or_altered_files_are_never_opened(
    write, kind, file, tmp_path, monkeypatch
):
    with pytest.raises(OSError, match="can't be downloaded .*; or name another path"):
        kind(path=str(tmp_path / "empty")).source()
    write(tmp_path, monkeypatch)
    whole = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OSError, match="not whole in .*unpack it so that"):
        kind(path=str(tmp_path)).source()
    (tmp_path / file).write_bytes(pickle.dumps({"data": np.zeros((1, 3072), np.uint8)}))
    with pytest.raises(OSError, match="not whole in"):
        kind(path=str(tmp_path)).source()


@pytest.mark.parametrize("kind", [CIFAR10, STL10])
def test_without_torchvision_it_says_what_to_install(kind, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(
        ValueError, match=rf"{kind.name}: torchvision.*pip install 'telegrad\[train"
    ):
        kind().source()
