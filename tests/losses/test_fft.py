import math

import pytest
import torch

from telegrad.losses import FFT


@pytest.mark.parametrize("side", [8, 32])
def test_white_errors_count_alike_at_every_size(side):
    """|F x| of white x is Rayleigh distributed, with the mean √π/2·σ."""
    noise = torch.randn(200, 3, side, side, generator=torch.Generator().manual_seed(0))
    value = FFT()(0.3 * noise, torch.zeros_like(noise)).mean().item()
    assert value == pytest.approx(0.3 * math.sqrt(math.pi) / 2, rel=0.02)


def test_one_wave_is_one_pair_of_frequencies():
    """cos(2π·3·x/w) has two coefficients of √(h·w)/2 each, among h·w."""
    h, w = 16, 24
    wave = torch.cos(2 * math.pi * 3 * torch.arange(w) / w).expand(1, 3, h, w)
    value = FFT()(wave, torch.zeros_like(wave)).item()
    assert value == pytest.approx(1 / math.sqrt(h * w), rel=1e-4)


def test_without_normalization_it_is_as_in_mimo_unet_up_to_the_norm_of_complex_numbers(pair):
    restored, clean = pair
    raw = torch.fft.fft2(restored) - torch.fft.fft2(clean)
    value = FFT(norm="backward")(restored, clean)
    torch.testing.assert_close(value, raw.abs().mean((1, 2, 3)))
    torch.testing.assert_close(value, FFT()(restored, clean) * math.sqrt(16 * 24))
    l1 = torch.stack([raw.real, raw.imag]).abs().mean((0, 2, 3, 4))
    assert ((l1 <= value) & (value <= 2 * l1)).all()


def test_half_precision_is_transformed_in_single(pair):
    restored, clean = pair
    assert FFT()(restored.bfloat16(), clean).dtype == torch.float32


def test_other_norms_are_refused():
    with pytest.raises(ValueError, match="norm='forward': needs one of ortho, backward"):
        FFT(norm="forward")
