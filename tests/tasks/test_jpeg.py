import io

import numpy as np
import pytest
import torch
from PIL import Image

from telegrad import restrict
from telegrad.mge.restriction import averaging
from telegrad.tasks import JPEG


@pytest.fixture
def images(photographs):
    """Photographs (4, 3, 64, 64) in [0, 1]."""
    return (photographs(4) + 1) / 2


def observed(images, quality):
    task = JPEG(quality=quality)
    return task.observe(task.draw(images, torch.Generator().manual_seed(0)))


def test_an_image_is_what_a_jpeg_file_of_it_shows(images):
    pixels = (255 * images[0]).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=30)
    shown = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) / 255
    torch.testing.assert_close(observed(images, 30)[0], shown)


def test_colors_have_half_the_resolution_and_grey_has_all(images):
    stripes = torch.zeros(1, 3, 32, 32)
    stripes[:, 0, :, ::2], stripes[:, 2, :, 1::2] = 0.8, 0.8  # red and blue by turns
    colored = observed(stripes, 100)
    red = colored[:, 0] - colored[:, 2]
    assert red.abs().mean() < 0.3 < (stripes[:, 0] - stripes[:, 2]).abs().mean()
    bright = stripes[:, :1].expand(-1, 3, -1, -1)
    assert (observed(bright, 100) - bright).abs().max() < 0.02
    assert (observed(stripes[:, :1], 100) - stripes[:, :1]).abs().max() < 0.01


def test_the_lower_the_quality_the_larger_the_error(images):
    errors = [(observed(images, q) - images).square().mean().item() for q in (90, 50, 20, 5)]
    assert errors == sorted(errors) and errors[0] > 0


def test_qualities_are_whole_numbers_of_the_range_one_an_image():
    draw = JPEG(quality="10..12").draw(torch.zeros(300, 3, 8, 8), torch.Generator().manual_seed(0))
    numbers, counts = draw["quality"].unique(return_counts=True)
    assert numbers.tolist() == [10, 11, 12]
    assert counts.min() > 70
    assert draw["quality"].dtype == torch.int64


def test_each_image_is_coded_at_its_own_quality(images):
    task = JPEG()
    draw = task.draw(images, torch.Generator().manual_seed(0))
    draw["quality"] = torch.tensor([5, 95, 5, 95])
    whole = task.observe(draw)
    assert torch.equal(whole[1], observed(images, 95)[1])
    assert torch.equal(whole[2], observed(images, 5)[2])


def test_on_a_coarse_level_the_small_image_is_coded_at_the_same_quality(images):
    """Restricting a draw and observing it is the draw that is made there, to the last bit."""
    task = JPEG()
    fine = task.draw(images, torch.Generator().manual_seed(3))
    there = task.draw(averaging(images), torch.Generator().manual_seed(3))
    restricted = restrict(fine, task.rules)
    assert torch.equal(restricted["quality"], fine["quality"])
    assert torch.equal(task.observe(restricted), task.observe(there))
    assert not torch.allclose(task.observe(restricted), averaging(task.observe(fine)), atol=0.02)


def test_a_patch_of_whole_blocks_is_coded_as_in_its_image(images):
    """So patches pose the same problem: in grey exactly, in color but for chroma at the edge."""
    grey = images[:, :1]
    patch = observed(grey[..., 16:48, 32:64], 20)
    assert torch.equal(patch, observed(grey, 20)[..., 16:48, 32:64])
    patch = observed(images[..., 16:48, 32:64], 20)
    whole = observed(images, 20)[..., 16:48, 32:64]
    torch.testing.assert_close(patch[..., 2:-2, 2:-2], whole[..., 2:-2, 2:-2], rtol=0, atol=1e-6)
    assert JPEG().pixelwise


def test_values_outside_are_clipped_and_the_layout_is_kept(images):
    wide = (2 * images - 0.5).to(memory_format=torch.channels_last)
    coded = observed(wide, 95)
    assert coded.min() >= 0 and coded.max() <= 1
    assert coded.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(coded, observed(wide.clamp(0, 1), 95))


def test_two_channels_are_no_image():
    with pytest.raises(ValueError, match=r"JPEG: images of 2 channels; needs grey ones \(1\)"):
        observed(torch.zeros(1, 2, 8, 8), 50)


@pytest.mark.parametrize(
    ("quality", "says"),
    [
        (0, "needs numbers between 1 and 100"),
        (101, "needs numbers between 1 and 100"),
        ("90..10", "the lower one first"),
        (10.5, "needs whole numbers between 1 and 100"),
        ("high", "needs a number, or two as 1..100"),
        (float("nan"), "needs "),
    ],
)
def test_impossible_qualities_are_refused(quality, says):
    with pytest.raises(ValueError, match=f"quality=.*{says}"):
        JPEG(quality=quality)
