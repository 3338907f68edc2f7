"""Eight photographs that come with scikit-image."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from telegrad.data.base import Data
from telegrad.data.source import NamedImage, Source

TRAIN = (
    "astronaut.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "retina.jpg",
)
VAL = ("chelsea.png", "rocket.jpg")


@dataclass(frozen=True, kw_only=True)
class Photographs(Data):
    """Real photographs that ship inside scikit-image; nothing is downloaded.

    Six to train on (a portrait, a cup, a garage, a galaxy field, a tissue section, a retina) and
    two others to validate on (a cat, a rocket launch), 300 to 1411 pixels high. Their origins are
    in scikit-image's `data/README.txt`.
    """

    name: ClassVar[str] = "photographs"

    def source(self) -> Source:
        """As `Data.source`.

        Raises:
            ValueError: if scikit-image is not installed.
        """
        skimage = find_spec("skimage")  # its folder alone is needed; importing it takes a second
        if skimage is None or skimage.origin is None:
            raise ValueError(
                "photographs: they come with scikit-image, which is not installed; "
                "pip install 'telegrad[train]', or train on a folder of images."
            )
        folder = Path(skimage.origin).parent / "data"
        train, val = ([NamedImage.of_file(folder / n) for n in names] for names in (TRAIN, VAL))
        return Source(self.name, train, val)
