"""The two small networks of our own: any size, any of their scales, color and grey."""

import pytest
import torch
from torch import nn

from telegrad.mge.mixing import mixing_layers
from telegrad.networks import GatedUNet, PlainCNN, needs_of, takes

SMALL = {
    "plain": lambda **more: PlainCNN(channels=8, blocks=1, **more),
    "gated": lambda **more: GatedUNet(channels=4, halvings=2, **more),
}
NETWORKS = pytest.mark.parametrize("kind", SMALL)


def disturbed(network, std=0.1):
    for p in network.parameters():
        nn.init.normal_(p, std=std)
    return network


@NETWORKS
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
def test_images_of_any_size_come_out_as_many_times_larger(kind, channels, scale):
    network = SMALL[kind](in_channels=channels, out_channels=channels, scale=scale)
    for height, width in ((1, 1), (2, 3), (7, 5), (16, 12)):
        x = torch.rand(2, channels, height, width)
        assert network(x).shape == (2, channels, scale * height, scale * width)


@NETWORKS
def test_an_untrained_one_returns_its_input_and_learns_all_its_weights(kind):
    torch.manual_seed(0)
    network, x = SMALL[kind](), torch.rand(2, 3, 16, 16)
    assert torch.equal(network(x), x)
    assert not SMALL[kind](residual=False)(x).any()
    flat = torch.full((1, 3, 8, 8), 0.25)
    torch.testing.assert_close(SMALL[kind](scale=2)(flat), torch.full((1, 3, 16, 16), 0.25))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (network(x) - x.flip(-1)).square().mean().backward()
        optimizer.step()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


@pytest.mark.parametrize("kind", [PlainCNN, GatedUNet])
def test_it_learns_at_a_high_rate_as_at_a_low_one(kind):
    torch.manual_seed(0)
    network = kind(channels=8)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    clean = torch.rand(8, 3, 2, 2).repeat_interleave(8, -1).repeat_interleave(8, -2)
    before = after = 0.0
    for _ in range(80):
        noisy = clean + 0.1 * torch.randn_like(clean)
        loss = (network(noisy) - clean).abs().mean()
        before, after = (noisy - clean).abs().mean().item(), loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert after < 0.75 * before


@NETWORKS
def test_a_sample_depends_on_nothing_but_itself(kind):
    network, x = disturbed(SMALL[kind]()).train(), torch.rand(3, 3, 12, 12)
    assert not mixing_layers(network)
    assert not takes(network, "sigma")
    torch.testing.assert_close(network(x)[1:2], network(x[1:2]))


@pytest.mark.parametrize(("kind", "sees", "step"), [("plain", 4, 1), ("gated", 28, 4)])
def test_a_pixel_depends_on_its_surroundings_alone(kind, sees, step):
    network, x = disturbed(SMALL[kind]()), torch.rand(1, 3, 96, 96)
    start, end = 48 // step * step, 48 // step * step + step
    other = torch.rand(1, 3, 96, 96)
    inside = slice(start - sees, end + sees)
    other[..., inside, inside] = x[..., inside, inside]
    both = (network(y)[..., start:end, start:end] for y in (x, other))
    torch.testing.assert_close(*both)
    assert (network(x) - network(other)).abs().max() > 1e-3
    assert needs_of(network).local


def test_the_image_is_continued_inside_and_cut_off_again():
    network, x = disturbed(SMALL["gated"]()), torch.rand(1, 3, 16, 16)
    cut = network(x[..., :13, :15])
    assert cut.shape == (1, 3, 13, 15)
    continued = nn.functional.pad(x[..., :13, :15], (0, 1, 0, 3), mode="reflect")
    torch.testing.assert_close(cut, network(continued)[..., :13, :15])


@pytest.mark.parametrize("kind", [PlainCNN, GatedUNet])
def test_they_are_small(kind):
    assert 100_000 < sum(p.numel() for p in kind().parameters()) < 300_000


@pytest.mark.parametrize("kind", [PlainCNN, GatedUNet])
def test_errors_give_the_way_out(kind):
    with pytest.raises(ValueError, match=rf"{kind.__name__}: scale=5; needs one of 1, 2, 3, 4, 8"):
        kind(scale=5)
    with pytest.raises(ValueError, match=r"in_channels=1, out_channels=3; .* or residual=False"):
        kind(in_channels=1)
    assert kind(in_channels=1, residual=False)(torch.rand(1, 1, 8, 8)).shape == (1, 3, 8, 8)
    with pytest.raises(ValueError, match=r"needs \(n, 3, h, w\) of floating point"):
        kind()(torch.rand(1, 1, 8, 8))


def test_a_network_without_layers_is_refused():
    with pytest.raises(ValueError, match=r"PlainCNN: channels=0, blocks=3; needs 1 channel"):
        PlainCNN(channels=0)
    with pytest.raises(ValueError, match="GatedUNet: channels=0, halvings=3"):
        GatedUNet(channels=0)
