import numpy as np
import pytest
from PIL import Image

from telegrad.data import NamedImage
from telegrad.data.pyramid import build_pyramid
from telegrad.mge.grids import GridHierarchy


def _photograph(seed, shape=(70, 90)):
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.BICUBIC))


@pytest.fixture
def photograph():
    """Smooth random colors, uint8, by seed and shape."""
    return _photograph


@pytest.fixture
def pyramid():
    """Photographs of several sizes on three levels, the finest of 32×32; by their number."""

    def build(n=5, restriction="averaging"):
        images = [
            NamedImage(f"image {k}", lambda k=k: _photograph(k, (70 + k, 90))) for k in range(n)
        ]
        return build_pyramid(images, GridHierarchy((32, 32), levels=3), restriction)

    return build


@pytest.fixture
def directory(tmp_path):
    """Twelve photographs in files."""
    for k in range(12):
        Image.fromarray(_photograph(k)).save(tmp_path / f"{k:02}.png")
    return tmp_path


@pytest.fixture
def no_network(monkeypatch):
    """A download that is tried fails at once, as on a machine without network."""

    def fail(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", fail)
