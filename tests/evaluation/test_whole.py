"""What a network is given of a whole image."""

import numpy as np
import pytest
import torch
from PIL import Image

from telegrad.data import NamedImage
from telegrad.evaluation.whole import is_grey, whole_draw
from telegrad.tasks import Denoising, PaperDenoising, SuperResolution
from telegrad.tasks.bicubic import bicubic


def named(key="a.png", height=21, width=26):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return NamedImage(key, lambda: pixels, key=key)


def test_noise_is_the_same_for_every_model_and_level_and_another_for_each_image():
    first, second = (whole_draw(Denoising(sigma=s), named(), 1).draw for s in (15, 50))
    assert torch.equal(first["noise"], second["noise"])
    assert second["sigma"].item() == pytest.approx(50 / 255)
    for other in (whole_draw(Denoising(), named("b.png"), 1), whole_draw(Denoising(), named(), 2)):
        assert not torch.equal(first["noise"], other.draw["noise"])


def test_noise_is_not_clipped():
    whole = whole_draw(Denoising(sigma=50), named(), 1)
    seen = whole.task.observe(whole.draw)
    assert seen.min() < 0 and seen.max() > 1
    torch.testing.assert_close(
        (seen - whole.draw["clean"]) * 255 / 50, whole.draw["noise"], atol=1e-4, rtol=1e-4
    )


def test_small_images_have_eight_bits_and_large_ones_are_trimmed():
    whole = whole_draw(SuperResolution(scale=2), named(), 1)
    assert whole.draw["clean"].shape == (1, 3, 20, 26)
    small = whole.task.observe(whole.draw)
    assert small.shape == (1, 3, 10, 13)
    assert torch.equal(small, (255 * small).round() / 255)
    exact = bicubic(whole.draw["clean"], (10, 13)).clamp(0, 1)
    assert 0 < (small - exact).abs().max() <= 0.5 / 255 + 1e-6


def test_colors_become_luma_of_eight_bits_for_a_model_of_grey_images():
    image = named()
    clean = whole_draw(Denoising(color="grey"), image, 1).draw["clean"]
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    luma = (torch.from_numpy(image.open()).double() * weights).sum(-1).round()
    torch.testing.assert_close(255 * clean[0, 0].double(), luma, atol=1e-3, rtol=0)


def test_the_papers_images_keep_their_range():
    clean = whole_draw(PaperDenoising(), named(), 1).draw["clean"]
    expected = torch.from_numpy(named().open()).permute(2, 0, 1)[None].float() / 127.5 - 1
    torch.testing.assert_close(clean, expected, atol=1e-6, rtol=0)


def test_a_file_with_one_channel_is_grey_and_one_with_three_equal_ones_is_not(tmp_path):
    grey = Image.fromarray(np.zeros((8, 8), np.uint8))
    grey.save(tmp_path / "grey.png")
    grey.convert("RGB").save(tmp_path / "color.png")
    assert is_grey(NamedImage.of_file(tmp_path / "grey.png"))
    assert not is_grey(NamedImage.of_file(tmp_path / "color.png"))
    assert not is_grey(named())
