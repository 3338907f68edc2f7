import pytest
import torch
import torch.nn.functional as F

from telegrad import restrict
from telegrad.losses import SSIM
from telegrad.mge.restriction import averaging
from telegrad.networks import ResNet
from telegrad.tasks import PaperSuperResolution


def test_the_low_image_has_half_the_size_and_is_restricted_with_the_high_one(
    photographs, generator
):
    task = PaperSuperResolution()
    draw = task.draw(photographs(2), generator)
    assert draw["low"].shape == (2, 3, 32, 32)
    torch.testing.assert_close(draw["low"], averaging(draw["clean"]))
    coarse = restrict(draw, task.rules)
    torch.testing.assert_close(coarse["low"], task.draw(coarse["clean"], generator)["low"])


def test_the_network_is_given_the_low_image_at_twice_its_size(photographs, generator):
    task, low = PaperSuperResolution(), photographs(2, 32, seed=3)
    draw = task.draw(photographs(2), generator, low)
    assert draw["low"] is low
    expected = F.interpolate(low, (64, 64), mode="bilinear", align_corners=False)
    torch.testing.assert_close(task.observe(draw), expected)
    with pytest.raises(ValueError, match=r"PaperSuperResolution.observe: a draw with .*low"):
        task.observe({"clean": draw["clean"], "low": low[..., ::2, ::2]})


def test_the_loss_has_a_gradient_of_each_image(photographs, generator):
    task = PaperSuperResolution()
    draw = task.draw(photographs(2), generator)
    scale = torch.tensor(0.9, requires_grad=True)
    losses = task.losses(lambda x: scale * x, draw)
    (gradient,) = torch.autograd.grad(losses.sum(), scale)
    assert gradient.isfinite() and gradient < 0  # towards a scale of one


def test_what_it_says_of_itself(photographs, generator):
    task = PaperSuperResolution()
    assert task.default_loss == SSIM()
    assert (task.scale, task.divisor, task.smallest, task.smallest_useful) == (2, 2, 16, 16)
    assert (task.condition, task.pairs) == (None, True)
    network = ResNet(8, **task.network_arguments)
    draw = task.draw(photographs(2), generator)
    assert task.restore(network, draw).shape == (2, 3, 64, 64)
