import math

import pytest
import torch

from telegrad.losses import L1
from telegrad.tasks import Objective, PaperDenoising, PaperSuperResolution
from telegrad.training.validation import Validation

DENOISING = Objective(PaperDenoising())


class Identity(torch.nn.Module):
    def forward(self, x, t=None):
        return x


def images(n, side=16):
    generator = torch.Generator().manual_seed(0)
    return {"clean": torch.rand(n, 3, side, side, generator=generator) * 2 - 1}


def test_it_is_the_same_every_time_and_independent_of_batching_and_global_seed():
    torch.manual_seed(0)
    first = Validation(DENOISING, images(10), batch_size=10).evaluate(Identity())
    torch.manual_seed(1)
    second = Validation(DENOISING, images(10), batch_size=3).evaluate(Identity())
    assert first.mean_mse == pytest.approx(second.mean_mse)
    torch.testing.assert_close(first.psnr, second.psnr)


def test_the_identity_has_the_quality_of_the_corrupted_images():
    validation = Validation(Objective(PaperDenoising(t_max=0.5)), images(6))
    corrupted, restored = validation.corrupted(), validation.evaluate(Identity())
    assert corrupted.mean_mse == pytest.approx(restored.mean_mse) == pytest.approx(restored.loss)
    assert corrupted.means["psnr"] == pytest.approx(restored.mean_psnr)


def test_the_loss_is_what_is_trained_on():
    validation = Validation(Objective(PaperDenoising(), L1()), images(6))
    quality = validation.corrupted()
    errors = PaperDenoising().observe(validation.draw) - validation.draw["clean"]
    assert quality.loss == pytest.approx(errors.abs().mean().item(), rel=1e-5)
    assert quality.mean_mse == pytest.approx(errors.square().mean().item(), rel=1e-5)
    similar = Validation(Objective(PaperSuperResolution()), images(6)).corrupted()
    assert similar.loss == pytest.approx(-similar.mean_ssim)


def test_psnr_is_of_each_image_at_a_range_of_two():
    validation = Validation(DENOISING, {"clean": torch.zeros(2, 3, 16, 16)})
    validation.draw["noise"][0] = 1.0
    validation.draw["noise"][1] = -1.0
    validation.draw["time"][:] = torch.tensor([0.02, 0.2])
    psnr = validation.corrupted().psnr
    expected = [10 * math.log10(4 / 0.02**2), 10 * math.log10(4 / 0.2**2)]
    assert psnr.tolist() == pytest.approx(expected, abs=1e-3)
    assert validation.corrupted().mean_psnr == pytest.approx(sum(expected) / 2, abs=1e-3)


@pytest.mark.parametrize(("side", "known"), [(8, False), (15, False), (16, True)])
def test_images_below_16_pixels_have_no_ssim(side, known):
    quality = Validation(DENOISING, images(2, side)).corrupted()
    assert math.isnan(quality.mean_ssim) is not known
    assert (quality.means["ssim"] is None) is not known
    assert math.isfinite(quality.loss) and math.isfinite(quality.mean_psnr)


def test_the_network_is_left_in_its_mode():
    network = torch.nn.Sequential(torch.nn.Dropout(0.5))
    validation = Validation(DENOISING, {"clean": torch.zeros(2, 3, 16, 16)})
    seen = []
    network.forward = lambda x, t: seen.append(network.training) or x
    for mode in (True, False):
        network.train(mode)
        validation.evaluate(network)
        assert network.training is mode
    assert not any(seen)


def test_examples_go_from_weak_to_strong_corruption():
    validation = Validation(Objective(PaperDenoising(t_max=1.0)), images(12))
    corrupted, restored, clean = validation.examples(Identity(), number=3)
    assert corrupted.shape == restored.shape == clean.shape == (3, 3, 16, 16)
    torch.testing.assert_close(corrupted, restored)
    errors = (corrupted - clean).square().mean((1, 2, 3)).tolist()
    assert errors == sorted(errors)
