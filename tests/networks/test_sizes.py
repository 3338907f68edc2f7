"""What sizes a network takes is said by it, or tried out, and nothing of it is disturbed."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from telegrad.networks import Call, ResNet, SRNet, UNet, accept_times, check_network, divisor_of


class Small(nn.Module):
    """A U-Net without an attribute `divisor`: it halves some times, and joins what it left."""

    def __init__(self, halvings=2):
        super().__init__()
        self.halvings = halvings
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)
        self.dropout = nn.Dropout(0.5)
        self.norm = nn.BatchNorm2d(3)
        self.calls = []

    def forward(self, images):
        self.calls.append((tuple(images.shape), self.training, torch.is_grad_enabled()))
        skips, h = [], self.dropout(self.norm(self.convolution(images)))
        for _ in range(self.halvings):
            skips.append(h)
            h = F.avg_pool2d(h, 2)
        for skip in reversed(skips):
            h = F.interpolate(h, scale_factor=2.0) + skip
        return h


class Returns(nn.Module):
    """Returns whatever a function makes of the images."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, images):
        return self.function(images)


@pytest.mark.parametrize("halvings", range(7))
def test_a_divisor_is_found_by_trying(halvings):
    assert divisor_of(Small(halvings)) == 2**halvings


def test_a_divisor_that_is_said_is_believed_and_not_tried():
    network = Small()
    network.divisor = 12
    assert divisor_of(network) == 12
    assert not network.calls
    assert divisor_of(UNet(16)) == 4
    assert divisor_of(UNet(16, multipliers=(1, 1, 1, 2))) == 8
    assert divisor_of(ResNet(8)) == divisor_of(SRNet(8)) == 1


def test_an_attribute_of_that_name_that_is_no_number_says_nothing():
    network = Small()
    network.divisor = torch.ones(3)
    assert divisor_of(network) == 4


def test_sizes_tried_are_odd_multiples_of_some_extent():
    network = Small(6)
    divisor_of(network)
    for (_, _, height, width), _, _ in network.calls:
        d = next(d for d in (1, 2, 4, 8, 16, 32, 64) if height % (2 * d))
        assert width % d == 0 and width % (2 * d)
        assert height // d >= 3
        assert min(height, width) >= 32


def test_a_network_that_takes_nothing_has_no_divisor():
    with pytest.raises(ValueError, match="Returns: takes images of none of the sizes tried"):
        divisor_of(Returns(lambda images: images.mean()))


@pytest.mark.parametrize("training", [True, False])
def test_nothing_is_disturbed(training):
    network = Small().train(training)
    network.norm.eval()
    modes = [module.training for module in network.modules()]
    before = {key: value.clone() for key, value in network.state_dict().items()}
    state = torch.get_rng_state()
    assert divisor_of(network) == 4
    check_network(network, [("here", (32, 32))])
    with pytest.raises(ValueError):
        check_network(network, [("here", (30, 30))])
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(call[1:] == (False, False) for call in network.calls)


def test_random_numbers_of_the_network_itself_are_put_back():
    state = torch.get_rng_state()
    check_network(Returns(lambda images: images + torch.randn(images.shape)), [("here", (8, 8))])
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("network", [ResNet(8), SRNet(8)])
def test_a_network_that_does_not_enlarge_is_told_from_one_that_fails(network):
    says = (
        "ResNet|SRNet: .* It doesn't enlarge, and the task needs 2 times larger images: use Gated"
    )
    with pytest.raises(ValueError, match=says):
        check_network(network, [("here", (32, 32))], Call(None, 3, enlarges=2))


def test_one_pass_of_two_images_at_every_size():
    network = Small()
    check_network(network, [("level 0", (16, 16)), ("level 1", (32, 48))])
    assert [call[0] for call in network.calls] == [(2, 3, 16, 16), (2, 3, 32, 48)]


@pytest.mark.parametrize("network", [UNet(16), ResNet(8), SRNet(8)])
def test_ours_pass(network):
    check_network(network, [("level 0", (8, 8)), ("level 1", (16, 16))])


def test_networks_of_images_alone_pass_before_and_after_they_accept_times():
    for network in (Small(), accept_times(Small())):
        check_network(network, [("level 0", (8, 8))])
        check_network(network, [("level 0", (8, 8))], Call(None))
        assert divisor_of(network) == 4


def test_the_first_size_that_fails_is_named_with_what_would_do():
    shapes = [("level 2 of 3", (40, 40)), ("level 1 of 3", (20, 20)), ("level 0 of 3", (10, 10))]
    with pytest.raises(ValueError) as error:
        check_network(Small(), shapes)
    message = str(error.value)
    assert message.startswith("Small: fails on level 0 of 3, images of 10×10: RuntimeError: ")
    assert message.endswith("Use a size divisible by 4 on every level, or fewer levels.")
    assert "\n" not in message


def test_a_size_that_is_divisible_and_fails_is_too_small():
    def large(images):
        assert images.shape[-1] >= 16, "needs 16 pixels"
        return images

    says = "level 0, images of 8×8: AssertionError: needs 16 pixels. Use a larger size or fewer lev"
    with pytest.raises(ValueError, match=says):
        check_network(Returns(large), [("level 0", (8, 8))])


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda x: x[..., 1:], r"it returned the shape \(2, 3, 8, 7\) for \(2, 3, 8, 8\)"),
        (lambda x: x[:1], r"it returned the shape \(1, 3, 8, 8\)"),
        (lambda x: (x, x), "it returned a tuple, not a tensor"),
        (lambda x: x.int(), "not finite numbers"),
        (lambda x: x / 0, "not finite numbers"),
        (lambda x: x.undefined, "AttributeError: 'Tensor' object has no attribute 'undefined'"),
    ],
)
def test_outputs_that_are_no_restored_images_are_refused(function, says):
    with pytest.raises(ValueError, match=says) as error:
        check_network(Returns(function), [("level 0", (8, 8))])
    assert str(error.value).startswith("Returns: fails on level 0, images of 8×8: ")
    assert "It fails at other sizes too: needs (n, 3, h, w)" in str(error.value)


def test_a_network_of_times_in_a_task_without_them():
    with pytest.raises(ValueError, match="The task has no times: use a network of images alone"):
        check_network(UNet(16), [("level 0", (16, 16))], Call(None))
    check_network(ResNet(8, time=False), [("level 0", (16, 16))], Call(None))


def test_an_argument_that_is_not_known_is_named():
    class Sigma(nn.Module):
        def forward(self, images, mask):
            return images

    with pytest.raises(ValueError, match=r"Sigma: fails on .*its second argument is 'mask'"):
        check_network(Sigma(), [("level 0", (8, 8))])
