"""Losses by their closed forms."""

import dataclasses
import math

import pytest
import torch

from telegrad.losses import FFT, L1, MSE, MSSSIM, PSNR, SSIM, Charbonnier, Loss, Sum

LOSSES = [
    *(
        MSE(),
        L1(),
        Charbonnier(),
        SSIM(data_range=2.0),
        PSNR(data_range=2.0),
        FFT(),
        MSSSIM(scales=1, data_range=2.0),
    ),
    Sum(terms={"L1": 1.0, "FFT": 0.1}),
]


@pytest.mark.parametrize("error", [0.0, 0.5, -1.5])
def test_of_the_same_error_everywhere(error, pair):
    _, clean = pair
    restored = clean + error
    expected = {
        MSE(): error**2,
        L1(): abs(error),
        Charbonnier(): math.sqrt(error**2 + 1e-6),
        Charbonnier(epsilon=0.5): math.sqrt(error**2 + 0.25),
    }
    for loss, value in expected.items():
        assert loss(restored, clean).tolist() == pytest.approx([value] * 3, abs=1e-6)


def test_they_are_means_over_an_image_s_pixels_and_channels(pair):
    restored, clean = pair
    x = (restored - clean)[1].flatten().double()
    expected = {
        MSE(): (x**2).mean(),
        L1(): x.abs().mean(),
        Charbonnier(epsilon=0.1): torch.sqrt(x**2 + 0.01).mean(),
    }
    for loss, value in expected.items():
        assert loss(restored, clean)[1].item() == pytest.approx(value.item(), rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_one_loss_a_sample_that_knows_of_no_other(loss, pair):
    restored, clean = pair
    together = loss(restored, clean)
    assert together.shape == (3,)
    alone = [loss(restored[k : k + 1], clean[k : k + 1]) for k in range(3)]
    assert all(one.shape == (1,) for one in alone)
    torch.testing.assert_close(together, torch.cat(alone))


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_equal_images_have_the_least_loss_and_a_finite_gradient(loss, pair):
    restored, clean = pair
    least = loss(clean, clean)
    expected = {"SSIM": -1.0, "MSSSIM": -1.0, "Charbonnier": 1e-3, "PSNR": -80.0}.get(
        type(loss).__name__, 0.0
    )
    assert least.tolist() == pytest.approx([expected] * 3, abs=1e-6)
    assert (loss(restored, clean) > least).all()
    variable = clean.clone().requires_grad_()
    loss(variable, clean).sum().backward()
    assert variable.grad.isfinite().all()


def test_small_errors_count_by_their_square_in_charbonnier_s():
    loss, clean = Charbonnier(epsilon=1.0), torch.zeros(1, 3, 4, 4, dtype=torch.float64)
    for error in (1e-2, 1e-3):
        excess = loss(clean + error, clean).item() - 1
        assert excess == pytest.approx(error**2 / 2, rel=1e-3)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_losses_are_values(loss):
    assert isinstance(loss, Loss)
    assert loss == dataclasses.replace(loss)
    assert hash(loss) == hash(dataclasses.replace(loss))
    with pytest.raises(dataclasses.FrozenInstanceError):
        loss.epsilon = 1.0


@pytest.mark.parametrize("loss", [SSIM(), MSSSIM(scales=1), PSNR()], ids=repr)
def test_the_range_s_width_is_a_unit_of_the_values(loss, pair):
    """Values and range in another unit are the same images."""
    restored, clean = pair
    as_it_is = loss.for_range(2.0)(restored, clean)
    torch.testing.assert_close(loss.for_range(1.0)(restored / 2, clean / 2), as_it_is)
    with pytest.raises(ValueError, match=r"Needs \w+\(data_range=1.0\) for images in \[0, 1\]"):
        loss(restored, clean)


def test_a_loss_with_a_range_of_its_own_keeps_it():
    assert SSIM(data_range=255.0).for_range(1.0) == SSIM(data_range=255.0)
    assert L1().for_range(1.0) == L1()
    for width in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="data_range"):
            SSIM(data_range=width)


@pytest.mark.parametrize("epsilon", [0, -1.0, float("nan"), float("inf")])
def test_impossible_widths_are_refused(epsilon):
    with pytest.raises(ValueError, match="epsilon"):
        Charbonnier(epsilon=epsilon)
