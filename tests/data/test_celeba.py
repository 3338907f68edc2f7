"""CelebA, small, in the form in which it lies on a user's disk."""

from pathlib import Path

import pytest
from data_files import write_celeba

from telegrad.data import CelebA


def test_celeba_is_split_by_its_own_list(tmp_path):
    names = write_celeba(tmp_path)
    source = CelebA(path=str(tmp_path)).source()
    assert [Path(i.name).name for i in source.train] == names[:8]
    assert [Path(i.name).name for i in source.val] == names[8:11]
    assert source.train[0].open().shape == (218, 178, 3)


def test_celeba_says_what_is_missing_and_where_it_belongs(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Download img_align_celeba\.zip .* put both into"):
        CelebA(path=str(tmp_path)).source()
    names = write_celeba(tmp_path)
    for name in names[2:4]:
        (tmp_path / "CelebA/img_align_celeba" / name).unlink()
    with pytest.raises(
        FileNotFoundError, match=f"names 2 images that .* lacks, {names[2]} the first"
    ):
        CelebA(path=str(tmp_path)).source()


@pytest.mark.parametrize("line", ["000001.jpg", "000001.jpg 3", "000001.jpg 0 1", "a b c"])
def test_a_line_of_the_split_that_makes_no_sense_is_named(tmp_path, line):
    write_celeba(tmp_path)
    partition = tmp_path / "CelebA/list_eval_partition.txt"
    partition.write_text("000002.jpg 0\n" + line + "\n")
    with pytest.raises(ValueError, match="line 2: "):
        CelebA(path=str(tmp_path)).source()
