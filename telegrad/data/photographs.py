"""Photographs that come with other packages; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from telegrad.data.base import Data
from telegrad.data.source import NamedImage, Source

FOLDERS = {
    "skimage": ("scikit-image", "data"),
    "sklearn": ("scikit-learn", "datasets/images"),
    "matplotlib": ("matplotlib", "mpl-data/sample_data"),
}
"""By module: the package that it comes in, and where its photographs lie."""

TRAIN = (
    "skimage/astronaut.png",
    "skimage/brick.png",
    "skimage/camera.png",
    "skimage/coffee.png",
    "skimage/coins.png",
    "skimage/grass.png",
    "skimage/gravel.png",
    "skimage/hubble_deep_field.jpg",
    "skimage/ihc.png",
    "skimage/moon.png",
    "skimage/motorcycle_left.png",
    "skimage/retina.jpg",
    "sklearn/flower.jpg",
)
VAL = (
    "matplotlib/grace_hopper.jpg",
    "skimage/chelsea.png",
    "skimage/rocket.jpg",
    "sklearn/china.jpg",
)


@dataclass(frozen=True, kw_only=True)
class Photographs(Data):
    """Seventeen scenes from scikit-image, scikit-learn and matplotlib, where pip has put them.

    Thirteen to train on: a portrait, a cup, a garage, a flower, a galaxy field, a tissue section, a
    retina, and six in grey: a photographer, bricks, grass, gravel, coins, the moon. Four others to
    validate on: a portrait, a cat, a rocket at night, a temple. 300 to 1411 pixels high.

    They are in the public domain or CC0, as the docstrings of `skimage.data` say of each
    (`astronaut`, `hubble_deep_field` and `moon` NASA's, `rocket` SpaceX's, `coins` and `camera`
    without known restrictions); `grace_hopper` is the U.S. Navy's; `china` and `flower` are CC BY
    2.0, by the Flickr users danielbuechele and vultilion.
    """

    name: ClassVar[str] = "photographs"

    def source(self) -> Source:
        """As `Data.source`.

        Raises:
            ValueError: if one of the three packages is not installed.
        """
        return Source(self.name, named_photographs(TRAIN), named_photographs(VAL))


@dataclass(frozen=True, kw_only=True)
class EightPhotographs(Data):
    """The eight of version 0.1, by which its runs and the paper's tasks are made again.

    Six to train on (a portrait, a cup, a garage, a galaxy field, a tissue section, a retina) and
    two others to validate on (a cat, a rocket launch), all of scikit-image; see `Photographs`.
    """

    name: ClassVar[str] = "photographs"

    def source(self) -> Source:
        """As `Data.source`.

        Raises:
            ValueError: if scikit-image is not installed.
        """
        color = "astronaut.png coffee.png hubble_deep_field.jpg ihc.png motorcycle_left.png"
        train = [f"skimage/{name}" for name in (*color.split(), "retina.jpg")]
        val = ["skimage/chelsea.png", "skimage/rocket.jpg"]
        return Source(self.name, named_photographs(train), named_photographs(val))


def named_photographs(names: Sequence[str]) -> list[NamedImage]:
    """Photographs by module and file, such as `skimage/coffee.png`.

    Raises:
        ValueError: if a package is not installed.
    """
    return [NamedImage.of_file(_folder(n.partition("/")[0]) / n.partition("/")[2]) for n in names]


def _folder(module: str) -> Path:
    package, inside = FOLDERS[module]
    found = find_spec(module)  # its folder alone is needed; importing it takes a second
    if found is None or found.origin is None:
        raise ValueError(
            f"photographs: some come with {package}, which is not installed; "
            f"pip install 'telegrad[train]', or train on a folder of images."
        )
    return Path(found.origin).parent / inside
