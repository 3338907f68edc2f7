"""A network that comes along, loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telegrad.pretrained.cards import card

if TYPE_CHECKING:
    from telegrad.inference import Model
    from telegrad.runs.build import Device


def load(name: str = "denoise", device: Device = "cpu") -> Model:
    """A network that comes along, with its task, ready for `restore_image` and `evaluate_folders`.

    Its weights are stored with 16 bits a number, and are 32 bits wide once loaded.

    >>> from telegrad.inference import restore_image
    >>> import torch
    >>> restore_image(load("denoise"), torch.rand(3, 20, 30)).shape
    torch.Size([3, 20, 30])

    Args:
        name: `denoise` (noise of any strength), `jpeg` (artifacts of coding) or `x2` (twice the
            size).
        device: for the network.

    Raises:
        ValueError: if there is none of that name, or the device can't be used.
    """
    from telegrad.inference import load_model  # what computes is loaded once it is needed

    return load_model(card(name).weights, device)
