"""Real pairs: nothing is corrupted, both are averaged, and noise becomes weaker."""

import pytest
import torch

from telegrad import restrict
from telegrad.mge.restriction import averaging
from telegrad.tasks import Pairs


def pair(photographs, scale, n=2):
    clean = photographs(n, 48) / 2 + 0.5
    return clean, torch.nn.functional.avg_pool2d(clean, scale)


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
def test_the_network_is_given_the_input_as_it_is_on_every_level(photographs, generator, scale):
    task = Pairs(scale=scale)
    clean, low = pair(photographs, scale)
    draw = task.draw(clean, generator, low=low)
    assert torch.equal(task.observe(draw), low)
    assert task.unrestored(draw).shape == clean.shape
    coarse = restrict(draw, task.rules)
    torch.testing.assert_close(coarse["clean"], averaging(clean))
    torch.testing.assert_close(task.observe(coarse), averaging(low))
    assert (task.call.enlarges, task.divisor) == (scale, scale)


def test_white_noise_of_the_input_halves_from_level_to_level(generator):
    """As the docstring says: coarse levels of real pairs are easier."""
    clean = torch.zeros(1, 3, 256, 256)
    noisy = torch.randn(clean.shape, generator=generator)
    draw = Pairs().draw(clean, generator, low=noisy)
    for level in range(1, 4):
        draw = restrict(draw, Pairs().rules)
        assert draw["low"].std().item() == pytest.approx(0.5**level, rel=0.1)


def test_images_without_inputs_or_of_another_scale_are_refused(photographs, generator):
    clean, low = pair(photographs, 2)
    with pytest.raises(ValueError, match="without inputs; needs a dataset of pairs: --data Pairs"):
        Pairs().draw(clean, generator)
    with pytest.raises(ValueError, match=r"Pairs.observe: a draw with .*needs .*\(2, 3, 48, 48\)"):
        Pairs().draw(clean, generator, low=low)
    with pytest.raises(ValueError, match=r"scale=5: needs one of 1, 2, 3, 4, 8"):
        Pairs(scale=5)


def test_names_and_photographs():
    assert (Pairs().name, Pairs(scale=4).name) == ("pairs", "pairs_x4")
    image = torch.rand(1, 3, 8, 8)
    assert Pairs().prepare(image, 0.1) == (image, None)
