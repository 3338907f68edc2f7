"""Bicubic resizing: what it keeps, and that it is the field's."""

import numpy as np
import pytest
import torch
from PIL import Image

from telegrad.tasks.bicubic import bicubic


@pytest.mark.parametrize("size", [(12, 9), (24, 18), (48, 36), (72, 54), (7, 5), (1, 1)])
def test_constants_are_kept_at_every_size(size):
    torch.testing.assert_close(
        bicubic(torch.full((2, 24, 18), 0.3), size), torch.full((2, *size), 0.3)
    )


def test_at_its_own_size_an_image_stays(generator):
    image = torch.rand(3, 10, 7, generator=generator)
    torch.testing.assert_close(bicubic(image, (10, 7)), image)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_ramp_stays_a_ramp_inside(factor):
    """Keys' kernel reproduces polynomials of the first degree, also where it is made wider."""
    ramp = torch.arange(60.0).expand(60, 60)
    small = bicubic(ramp, (60 // factor, 60 // factor))
    exact = factor * torch.arange(60.0 // factor) + (factor - 1) / 2
    torch.testing.assert_close(small[5, 3:-3], exact[3:-3])


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_inside_it_is_pillow_s_to_8_bit_rounding(factor):
    """Pillow has the same kernel, and other edges."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 60), np.uint8)
    size = 48 // factor, 60 // factor
    theirs = np.asarray(Image.fromarray(pixels).resize(size[::-1], Image.Resampling.BICUBIC))
    ours = bicubic(torch.from_numpy(pixels).double(), size).clamp(0, 255).round()
    assert np.abs(ours.numpy() - theirs)[3:-3, 3:-3].max() <= 1


def test_edges_are_mirrored():
    """As if the image had been continued by its mirror images, and resized as a whole."""
    image = torch.rand(16, 16, generator=torch.Generator().manual_seed(0))
    half = torch.cat([image.flip(1), image, image.flip(1)], 1)
    whole = torch.cat([half.flip(0), half, half.flip(0)], 0)
    torch.testing.assert_close(bicubic(whole, (24, 24))[8:16, 8:16], bicubic(image, (8, 8)))
