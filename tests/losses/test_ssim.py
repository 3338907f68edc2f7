import subprocess
import sys

import pytest
import torch
from torchmetrics.image import StructuralSimilarityIndexMeasure

from telegrad.losses import SSIM, similarity


def test_similarity_is_that_of_torchmetrics_per_image(pair):
    _, clean = pair
    noisy = clean + 0.2 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(7))
    values = similarity(noisy, clean, 2.0)
    for k in range(3):
        reference = StructuralSimilarityIndexMeasure(data_range=2.0)(
            noisy[k : k + 1], clean[k : k + 1]
        )
        assert values[k].item() == pytest.approx(reference.item(), abs=1e-5)
    assert similarity(clean[:1], clean[:1], 2.0).tolist() == pytest.approx([1.0])
    assert similarity(clean[:1], clean[:1], 2.0).shape == (1,)


def test_of_constant_images_it_compares_their_means():
    # Without variance SSIM is (2ab + c)/(a² + b² + c), c = (0.01·range)² with the range 2.
    a, b, c = 0.5, -0.25, 0.02**2
    images = torch.ones(1, 3, 32, 32)
    expected = (2 * a * b + c) / (a**2 + b**2 + c)
    assert similarity(a * images, b * images, 2.0).item() == pytest.approx(expected, rel=1e-3)
    assert SSIM(data_range=2.0)(a * images, b * images).item() == pytest.approx(-expected, rel=1e-3)


@pytest.mark.parametrize("shape", [(15, 64), (64, 8)])
def test_images_smaller_than_the_window_are_refused(shape):
    images = torch.zeros(2, 3, *shape)
    with pytest.raises(ValueError, match=rf"{shape[0]}×{shape[1]}; needs 16×16 or larger"):
        SSIM(data_range=2.0)(images, images)
    assert (
        SSIM(data_range=2.0)(torch.zeros(2, 3, 16, 16), torch.zeros(2, 3, 16, 16)).isfinite().all()
    )


def test_half_precision_s_images_are_compared_in_single(pair):
    restored, clean = pair
    assert similarity(restored.bfloat16(), clean, 2.0).dtype == torch.float32


def test_torchmetrics_is_imported_when_it_is_needed_only():
    code = "import sys, telegrad.losses; sys.exit('torchmetrics' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
