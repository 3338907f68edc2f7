import pytest
import torch

from telegrad.networks import ResNet, SRNet, UNet

NETWORKS = pytest.mark.parametrize("kind", [UNet, ResNet, SRNet])


@NETWORKS
def test_images_keep_their_shape_on_every_level(kind):
    network = kind(channels=16)
    for size in ((32, 32), (16, 24), (8, 8), (4, 4)):
        x = torch.randn(2, 3, *size)
        assert network(x, torch.rand(2)).shape == x.shape


@NETWORKS
def test_an_untrained_residual_network_returns_its_input_and_learns_all_its_weights(kind):
    network = kind(channels=16)
    x, t = torch.randn(2, 3, 16, 16), torch.rand(2)
    assert torch.equal(network(x, t), x)
    assert not kind(channels=16, residual=False)(x, t).any()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    for _ in range(6):  # zeros at the ends of the blocks let gradients in one after the other
        optimizer.zero_grad()
        (network(x, t) - x.flip(-1)).square().mean().backward()
        optimizer.step()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


@pytest.mark.parametrize("kind", [UNet, ResNet])
def test_the_output_depends_on_the_time(kind):
    network = kind(channels=16).eval()
    for p in network.parameters():
        torch.nn.init.normal_(p, std=0.1)
    x = torch.randn(1, 3, 16, 16)
    early, late = (network(x, torch.tensor([t])) for t in (0.01, 0.09))
    assert (early - late).abs().max() > 1e-3


def test_configurations_of_the_paper():
    unet, resnet, srnet = UNet(), ResNet(), SRNet()
    assert unet.opening.out_channels == 32
    assert {m.p for m in unet.modules() if type(m).__name__ == "CoupledDropout"} == {0.5}
    assert [m.conv_in.out_channels for m in unet.encoder if hasattr(m, "conv_in")] == [32, 64, 128]
    assert resnet.opening.out_channels == 128
    assert len(resnet.blocks) == 2
    assert srnet.closing.in_channels == 64
    assert len(srnet.hidden) + 1 == 4


@pytest.mark.parametrize("kind", [ResNet, SRNet])
def test_a_pixel_depends_on_its_neighbourhood_only(kind):
    network = kind(channels=16)
    for p in network.parameters():
        torch.nn.init.normal_(p, std=0.1)
    x, t = torch.randn(1, 3, 32, 32), torch.rand(1)
    whole = network(x, t)[..., 8:16, 8:16]
    torch.testing.assert_close(network(x[..., 3:21, 3:21], t)[..., 5:13, 5:13], whole)


def test_errors_give_the_way_out():
    with pytest.raises(ValueError, match="10×12; needs height and width divisible by 4"):
        UNet(16)(torch.zeros(1, 3, 10, 12), torch.zeros(1))
    with pytest.raises(ValueError, match="multiple of 16"):
        UNet(24)
    with pytest.raises(ValueError, match="or time=False"):
        ResNet(8)(torch.zeros(1, 3, 8, 8))
    assert ResNet(8, time=False)(torch.zeros(1, 3, 8, 8)).shape == (1, 3, 8, 8)
