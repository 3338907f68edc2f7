"""What a network needs of sizes is said by it, by spandrel, or tried out."""

import deepinv
import pytest
import torch
import torch.nn.functional as F
from spandrel.architectures.NAFNet import NAFNet
from spandrel.architectures.RCAN import RCAN
from spandrel.architectures.Swin2SR import Swin2SR
from spandrel.architectures.SwinIR import SwinIR
from torch import nn

from telegrad.networks import Call, GatedUNet, Needs, PlainCNN, UNet, check_network, needs_of
from telegrad.networks.zoo import own_images


class Reflecting(nn.Module):
    """Halves twice, and needs 8 pixels."""

    def forward(self, x):
        assert min(x.shape[-2:]) >= 6
        return F.interpolate(F.avg_pool2d(x, 4), scale_factor=4.0)


def swinir(**more):
    return SwinIR(depths=[1], num_heads=[1], embed_dim=4, window_size=8, **more)


def test_ours_say_it():
    assert needs_of(UNet(16)) == Needs(4, 1, local=False)
    assert needs_of(UNet(16, multipliers=(1, 1, 1, 2))).divisor == 8
    assert needs_of(GatedUNet(4)) == needs_of(PlainCNN(4)) == Needs(1, 1, local=True)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_others_are_tried_out_once(device):
    with torch.device(device):
        network = Reflecting()
    assert needs_of(network) == Needs(4, 8, local=True)
    network.forward = None
    assert needs_of(network).divisor == 4


def test_what_is_said_is_believed():
    network = Reflecting()
    network.divisor, network.smallest, network.local = 16, 32, False
    assert needs_of(network) == Needs(16, 32, local=False)


def test_layers_that_look_at_the_whole_image_are_not_local():
    assert needs_of(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))).local
    for layer in (nn.GroupNorm(1, 3), nn.InstanceNorm2d(3)):
        assert not needs_of(nn.Sequential(nn.Conv2d(3, 3, 1), layer)).local


def test_one_that_takes_nothing_has_no_needs():
    assert needs_of(nn.Linear(3, 3), Call(None)) == Needs()


def test_spandrel_says_it_of_its_own():
    network, state = swinir(), torch.get_rng_state()
    assert needs_of(network) == Needs(1, 16, local=False)
    assert torch.equal(torch.get_rng_state(), state)
    assert needs_of(NAFNet(width=4)) == Needs(1, 1, local=False)
    swin2 = Swin2SR(depths=[2], num_heads=[1], embed_dim=4, window_size=8, upscale=1)
    assert needs_of(swin2).smallest == 16


def test_deepinv_s_are_tried_out():
    drunet = deepinv.models.DRUNet(pretrained=None, nc=(4, 4, 4, 4), nb=1)
    assert needs_of(drunet, Call("sigma")) == Needs(1, 1, local=True)


def test_images_that_would_be_changed_in_place_are_copied():
    call = Call(None, 3, 2)
    network = RCAN(scale=2, n_resgroups=1, n_resblocks=1, n_feats=4, reduction=2)
    with pytest.raises(ValueError, match=r"it changes the images that it is given; .*x\.clone"):
        check_network(network, [("here", (16, 16))], call)
    check_network(own_images(network), [("here", (16, 16))], call)
    images = torch.rand(1, 3, 8, 8)
    kept = images.clone()
    network(images)
    assert torch.equal(images, kept)
