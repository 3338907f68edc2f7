"""Networks of other people, wrapped."""

import deepinv
import pytest
import torch
from torch import nn

from telegrad.networks import (
    Call,
    WithNoiseLevel,
    WithoutTime,
    accept_times,
    check_network,
    divisor_of,
)


def plain():
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1))


MODELS = {
    "plain module": lambda: WithoutTime(plain()),
    "deepinv DnCNN": lambda: WithNoiseLevel(deepinv.models.DnCNN(depth=4, nf=8, pretrained=None)),
    "deepinv UNet": lambda: WithNoiseLevel(deepinv.models.UNet(3, 3, scales=2), divisor=4),
    "deepinv DRUNet": lambda: WithNoiseLevel(
        deepinv.models.DRUNet(nc=(4, 4, 4, 4), nb=1, pretrained=None)
    ),
}


@pytest.mark.parametrize("model", MODELS)
def test_it_is_called_as_ours_are_and_learns(model):
    network = MODELS[model]()
    assert accept_times(network) is network
    check_network(network, [("here", (32, 32))])
    check_network(network, [("here", (32, 32))], Call(None))
    x, t = torch.rand(2, 3, 32, 32) * 2 - 1, torch.rand(2)
    assert network(x).shape == network(x, t).shape == x.shape
    (network(x, t) - x.flip(-1)).square().mean().backward()
    assert any(p.grad is not None and p.grad.any() for p in network.parameters())


def test_the_noise_level_is_that_of_images_between_0_and_1():
    seen = {}

    class Denoiser(nn.Module):
        def forward(self, images, sigma):
            seen.update(images=images, sigma=sigma)
            return images

    x = torch.tensor([-1.0, 0.0, 1.0]).reshape(1, 3, 1, 1)
    assert torch.equal(WithNoiseLevel(Denoiser())(x, torch.tensor([0.1])), x)
    assert seen["images"].flatten().tolist() == [0.0, 0.5, 1.0]
    assert seen["sigma"].tolist() == pytest.approx([0.05])
    WithNoiseLevel(Denoiser())(x)
    assert seen["sigma"].tolist() == [0.0]


def test_without_time_the_model_sees_images_alone():
    model, x = plain(), torch.rand(2, 3, 8, 8)
    assert torch.equal(WithoutTime(model)(x, torch.rand(2)), model(x))


@pytest.mark.parametrize("wrapper", [WithoutTime, WithNoiseLevel])
def test_a_divisor_is_what_is_said_or_is_tried_out(wrapper):
    class Halving(nn.Module):
        """Needs even heights and widths."""

        def forward(self, images, sigma=None):
            return nn.functional.pixel_shuffle(nn.functional.pixel_unshuffle(images, 2), 2)

    assert divisor_of(wrapper(Halving(), divisor=8)) == 8
    assert divisor_of(wrapper(Halving())) == 2
