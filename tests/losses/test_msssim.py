import pytest
import torch

from telegrad.losses import MSSSIM, SSIM
from telegrad.losses.msssim import SMALLEST


def images(side, n=2):
    generator = torch.Generator().manual_seed(side)
    return torch.rand(2, n, 3, side, side, generator=generator) * 2 - 1


def test_one_scale_is_ssim_halfway_to_1():
    restored, clean = images(32)
    torch.testing.assert_close(
        MSSSIM(scales=1, data_range=2.0)(restored, clean),
        (SSIM(data_range=2.0)(restored, clean) - 1) / 2,
    )


def test_coarse_scales_forgive_what_averages_away():
    """A checkerboard is gone at the second scale, so that more scales find the images alike."""
    _, clean = images(48)
    rows, columns = torch.meshgrid(torch.arange(48), torch.arange(48), indexing="ij")
    board = 0.4 * (1 - 2.0 * ((rows + columns) % 2))
    one, two, three = (MSSSIM(scales=k, data_range=2.0)(clean + board, clean) for k in (1, 2, 3))
    assert (one > two).all() and (two > three).all()


@pytest.mark.parametrize(("scales", "side"), list(enumerate(SMALLEST, 1)))
def test_the_smallest_images_do_and_smaller_ones_are_refused_with_what_would(scales, side):
    restored, clean = images(side, 1)
    restored.requires_grad_()
    MSSSIM(scales=scales, data_range=2.0)(restored, clean).sum().backward()
    assert restored.grad.isfinite().all()
    smaller = clean[..., 1:]
    fewer = f"Use scales={scales - 1}, fewer levels" if scales > 1 else "Use fewer levels"
    with pytest.raises(ValueError, match=rf"{side}×{side - 1}; scales={scales} needs .* {fewer}"):
        MSSSIM(scales=scales, data_range=2.0)(smaller, smaller)


def test_images_that_are_unlike_still_have_a_gradient():
    _, clean = images(44)
    negative = (-clean).requires_grad_()
    MSSSIM(scales=3, data_range=2.0)(negative, clean).sum().backward()
    assert negative.grad.isfinite().all() and negative.grad.norm() > 0


@pytest.mark.parametrize("scales", [0, 6, 2.5])
def test_there_are_one_to_five_scales(scales):
    with pytest.raises(ValueError, match="scales"):
        MSSSIM(scales=scales, data_range=2.0)
