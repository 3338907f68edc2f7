import numpy as np
import pytest

from telegrad.data import Photographs, photographs


def test_the_built_in_photographs_are_real_files_split_by_photograph():
    source = Photographs().source()
    assert len(source.train) == 6
    assert len(source.val) == 2
    assert not {i.name for i in source.train} & {i.name for i in source.val}
    for image in (*source.train, *source.val):
        pixels = image.open()
        assert pixels.dtype == np.uint8
        assert pixels.shape[2] == 3
        assert min(pixels.shape[:2]) >= 300
        assert pixels.std() > 10


def test_without_scikit_image_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(photographs, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"scikit-image.*pip install 'telegrad\[train\]'"):
        Photographs().source()
