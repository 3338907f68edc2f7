import pytest
import torch
from torchmetrics.functional.image import peak_signal_noise_ratio

from telegrad.losses import PSNR


def test_it_is_the_negative_psnr_of_torchmetrics_per_image(pair):
    restored, clean = pair
    expected = peak_signal_noise_ratio(
        restored, clean, data_range=2.0, dim=(1, 2, 3), reduction="none"
    )
    torch.testing.assert_close(PSNR(data_range=2.0)(restored, clean), -expected, atol=1e-4, rtol=0)


def test_it_is_that_of_nafnet_on_images_from_0_to_1(pair):
    """basicsr/models/losses/losses.py: 10/ln 10 · ln(mean squared error + 1e-8)."""
    restored, clean = ((images + 1) / 2 for images in pair)
    error = ((restored - clean) ** 2).mean(dim=(1, 2, 3))
    expected = 10 / torch.log(torch.tensor(10.0)) * torch.log(error + 1e-8)
    torch.testing.assert_close(PSNR(data_range=1.0)(restored, clean), expected)


def test_half_the_error_is_six_decibels(pair):
    restored, clean = pair
    gain = PSNR(data_range=2.0)(restored, clean) - PSNR(data_range=2.0)(
        (restored + clean) / 2, clean
    )
    assert gain.tolist() == pytest.approx([20 * 0.30103] * 3, abs=1e-3)


def test_epsilon_bounds_it(pair):
    _, clean = pair
    assert PSNR(epsilon=1e-4, data_range=2.0)(clean, clean).tolist() == pytest.approx(
        [-40.0] * 3, abs=1e-4
    )
    with pytest.raises(ValueError, match="epsilon"):
        PSNR(epsilon=0)
