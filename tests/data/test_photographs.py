import numpy as np
import pytest

from telegrad.data import EightPhotographs, Photographs, photographs


@pytest.mark.parametrize(("data", "train", "val"), [(Photographs, 13, 4), (EightPhotographs, 6, 2)])
def test_the_built_in_photographs_are_real_files_split_by_photograph(data, train, val):
    source = data().source()
    assert (len(source.train), len(source.val)) == (train, val)
    assert not {i.name for i in source.train} & {i.name for i in source.val}
    for image in (*source.train, *source.val):
        pixels = image.open()
        assert pixels.dtype == np.uint8
        assert pixels.shape[2] == 3
        assert min(pixels.shape[:2]) >= 300
        assert pixels.std() > 10


def test_what_is_validated_on_is_neither_one_scene_nor_dark():
    means = [image.open().mean() for image in Photographs().source().val]
    assert max(means) > 100 and max(means) - min(means) > 50


def test_the_eight_of_the_first_version_are_split_as_they_were():
    both = Photographs().source(), EightPhotographs().source()
    for part in ("train", "val"):
        more, fewer = ({image.key for image in getattr(source, part)} for source in both)
        assert fewer < more


def test_without_a_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(photographs, "find_spec", lambda name: None)
    for data in (Photographs(), EightPhotographs()):
        with pytest.raises(ValueError, match=r"scikit-.*pip install 'telegrad\[train\]'"):
            data.source()
