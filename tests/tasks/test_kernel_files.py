import numpy as np
import pytest
import torch
from PIL import Image

from telegrad.tasks.kernel_files import kernel_files, read_kernels


def written(folder, name, values):
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".npy"):
        np.save(file, values)
    else:
        Image.fromarray(np.asarray(values, np.uint8)).save(file)
    return file


def read(folder):
    return read_kernels(kernel_files(str(folder)))


def test_images_are_divided_by_their_sum_and_small_kernels_lie_in_the_middle(tmp_path):
    written(tmp_path, "a.png", [[0, 0, 0], [0, 50, 150], [0, 0, 0]])
    numbers = np.arange(15.0).reshape(3, 5)
    written(tmp_path, "sub/b.npy", numbers / numbers.sum())
    (tmp_path / "notes.txt").write_text("no kernel")
    assert list(kernel_files(str(tmp_path))) == ["a.png", "sub/b.npy"]
    first, second = read(tmp_path)
    expected = torch.zeros(3, 5)
    expected[1, 2:4] = torch.tensor([0.25, 0.75])
    torch.testing.assert_close(first, expected)
    torch.testing.assert_close(second, torch.from_numpy(numbers / numbers.sum()).float())


def test_a_kernel_that_is_written_anew_is_read_anew(tmp_path):
    written(tmp_path, "a.npy", np.ones((1, 1)))
    assert read(tmp_path).shape == (1, 1, 1)
    written(tmp_path, "a.npy", np.ones((3, 3)) / 9)
    assert read(tmp_path).shape == (1, 3, 3)


def test_a_sum_is_one_to_a_thousandth(tmp_path):
    written(tmp_path, "a.npy", np.full((3, 3), 1.0005 / 9, np.float32))
    torch.testing.assert_close(read(tmp_path).sum().item(), 1.0)


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("k.npy", np.ones((3, 3)), "its sum is 9; needs 1, .*Divide it by its sum"),
        ("k.npy", [[0.5, -0.1, 0.6]], "values that are negative"),
        ("k.npy", [[0.5, float("nan"), 0.5]], "negative or not finite"),
        ("k.npy", np.ones((2, 3)) / 6, "is of 2×3; needs 2 dimensions, odd"),
        ("k.npy", np.ones((1, 1, 1)), "is of 1×1×1; needs 2 dimensions"),
        ("k.npy", np.ones((257, 1)) / 257, "is of 257×1; needs .*at most 255"),
        ("k.npy", np.ones((301, 301)) / 301**2, r"\(301, 301\) is no kernel"),
        ("k.npy", np.zeros((3, 3)), "its sum is 0"),
        ("k.npy", np.array([["a"]]), "is no kernel"),
        ("k.png", np.zeros((3, 3)), "is all black"),
        ("k.png", np.ones((4, 3)), "is of 4×3; needs 2 dimensions, odd"),
        ("k.png", np.arange(27).reshape(3, 3, 3), "it is in color; a kernel is a grey image"),
    ],
)
def test_what_is_no_kernel_is_refused_by_name(name, values, says, tmp_path):
    written(tmp_path, name, values)
    with pytest.raises(ValueError, match=f"kernel .*{name}: .*{says}"):
        read(tmp_path)


def test_nothing_is_unpickled_and_no_header_is_believed(tmp_path):
    np.save(tmp_path / "k.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"kernel .*k.npy: can't be read"):
        read(tmp_path)
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**3)}
    with (tmp_path / "k.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(ValueError, match=r"kernel .*k.npy: can't be read"):
        read(tmp_path)
    (tmp_path / "k.npy").write_bytes(b"")
    with pytest.raises(ValueError, match=r"kernel .*k.npy: can't be read"):
        read(tmp_path)


def test_a_large_photograph_is_no_kernel(tmp_path):
    written(tmp_path, "k.png", np.ones((300, 300)))
    with pytest.raises(ValueError, match=r"kernel .*k.png: can't be read \(.*pixels"):
        read(tmp_path)


def test_folders_that_are_not_there_or_empty_are_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"kernels=.*none: there is no such folder; needs a folder"
    ):
        kernel_files(str(tmp_path / "none"))
    with pytest.raises(ValueError, match=r"kernels=.*: there are no kernels in it; needs"):
        kernel_files(str(tmp_path))
