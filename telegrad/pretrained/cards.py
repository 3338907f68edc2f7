"""What is known of each network that comes along: a card beside its weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from telegrad.errors import did_you_mean
from telegrad.files import read_json

FOLDER = Path(__file__).parent
"""Of the weights and the cards."""

ORDER = ("denoise", "jpeg", "x2")
"""In which they are listed; the first is taken where none is named."""


@dataclass(frozen=True)
class Figure:
    """The mean over a whole set of images.

    Attributes:
        set: its name.
        images: how many there are.
        corruption: its strength, such as "sigma 25"; nothing if it has none.
        measured: metric, unit and channels, such as "PSNR, dB, RGB".
        before, after: of the images that the network was given, and of its own.
    """

    set: str
    images: int
    corruption: str
    measured: str
    before: float
    after: float


@dataclass(frozen=True)
class Card:
    """A network that comes along.

    Attributes:
        name: by which it is loaded.
        meaning: what it undoes, in a line.
        network: its class, with the arguments that are not the class's own.
        parameters: how many.
        data: what it was trained on.
        command: that trained it.
        minutes: that took, on how many threads of which processor, in words.
        license: of the weights.
        figures: on standard sets.
        notes: what a user should know besides.
    """

    name: str
    meaning: str
    network: str
    parameters: int
    data: str
    command: str
    minutes: str
    license: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()

    @property
    def weights(self) -> Path:
        """The file of its weights."""
        return FOLDER / f"{self.name}.safetensors"

    def to_dict(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Card:
        """What `to_dict` gave, read back."""
        figures = tuple(Figure(**figure) for figure in content["figures"])
        return cls(**{**content, "figures": figures, "notes": tuple(content["notes"])})

    def __str__(self) -> str:
        size = self.weights.stat().st_size / 1e6 if self.weights.exists() else 0
        rows = [["set", "images", "corruption", "measured", "before", "after"]]
        for f in self.figures:
            both = [f"{f.before:.2f}", f"{f.after:.2f}"]
            rows.append([f.set, str(f.images), f.corruption, f.measured, *both])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            [
                f"{self.name}: {self.meaning}",
                f"  network     {self.network}, {self.parameters:,} parameters, {size:.2f} MB",
                f"  trained on  {self.data}",
                f"  by          {self.command}",
                f"  in          {self.minutes}",
                f"  license     {self.license}",
                *(f"  note        {note}" for note in self.notes),
                "",
                *(
                    "  " + "  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip()
                    for r in rows
                ),
            ]
        )


def names() -> list[str]:
    """Of those that come along; the first is the one that is taken where none is named."""
    return [name for name in ORDER if (FOLDER / f"{name}.json").is_file()]


def card(name: str) -> Card:
    """The card of a network that comes along.

    >>> card("denoise").name
    'denoise'

    Raises:
        ValueError: if there is none of that name.
    """
    known = names()
    if name not in known:
        guess = did_you_mean(str(name), known) or f"; there are {', '.join(known) or 'none'}."
        raise ValueError(f"pretrained: no network {name!r}{guess}")
    return Card.from_dict(read_json(FOLDER / f"{name}.json"))
