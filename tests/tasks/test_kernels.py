import math

import pytest
import torch
from scipy.ndimage import convolve

from telegrad.tasks.blurring import blurred
from telegrad.tasks.kernels import gaussian_kernels, gaussian_side, motion_kernels, motion_side


def test_the_blur_is_the_convolution_of_each_image_with_its_kernel_mirrored_at_edges(generator):
    images = torch.rand(3, 2, 12, 17, generator=generator, dtype=torch.float64)
    kernels = torch.rand(3, 5, 7, generator=generator, dtype=torch.float64)
    for image, kernel, found in zip(images, kernels, blurred(images, kernels), strict=True):
        for channel, expected in zip(found, image, strict=True):
            exact = convolve(expected.numpy(), kernel.numpy(), mode="mirror")
            torch.testing.assert_close(channel, torch.from_numpy(exact))


def test_the_blur_of_a_point_is_the_kernel_and_a_constant_stays(generator):
    kernel = torch.rand(1, 5, 3, generator=generator)
    kernel /= kernel.sum()
    point = torch.zeros(1, 1, 15, 15)
    point[..., 7, 7] = 1
    torch.testing.assert_close(blurred(point, kernel)[0, 0, 5:10, 6:9], kernel[0])
    torch.testing.assert_close(blurred(torch.full((1, 3, 8, 8), 0.7), kernel).mean().item(), 0.7)


def test_no_period_reaches_across_an_image():
    image = torch.zeros(1, 1, 32, 32)
    image[..., :8] = 1
    kernel = gaussian_kernels(torch.tensor([2.0]), 17)
    assert blurred(image, kernel)[..., -4:].abs().max() < 1e-6


@pytest.mark.parametrize("sides", [(4, 3), (3, 4), (9, 3), (3, 11)])
def test_kernels_that_do_not_fit_are_refused(sides):
    with pytest.raises(ValueError, match="odd sides, no larger than it"):
        blurred(torch.zeros(2, 3, 8, 10), torch.ones(2, *sides))
    with pytest.raises(ValueError, match="needs one an image"):
        blurred(torch.zeros(2, 3, 8, 10), torch.ones(1, 3, 3))


def test_gaussians_have_their_standard_deviation_and_sum_one():
    sigmas = torch.tensor([0.0, 0.8, 3.0])
    kernels = gaussian_kernels(sigmas, gaussian_side(3.0))
    assert kernels.shape == (3, 25, 25)
    torch.testing.assert_close(kernels.sum((1, 2)), torch.ones(3))
    q = torch.arange(25) - 12.0
    assert (kernels[2].sum(0) * q**2).sum().sqrt().item() == pytest.approx(3, rel=1e-3)
    assert kernels[0, 12, 12] == 1
    assert kernels[2, 12, 12].item() == pytest.approx(1 / (2 * math.pi * 9), rel=1e-3)


def test_motion_has_sum_one_its_center_in_the_middle_and_stays_within_its_length(generator):
    lengths = torch.full((200,), 21.0)
    side = motion_side(21)
    kernels = motion_kernels(lengths, side, generator)
    assert kernels.shape == (200, side, side)
    assert kernels.min() >= 0
    torch.testing.assert_close(kernels.sum((1, 2)), torch.ones(200))
    q = torch.arange(side) - side // 2.0
    for axis in (1, 2):
        assert (kernels.sum(axis) @ q.float()).abs().max() < 1e-3
    distance = (q[:, None] ** 2 + q**2).sqrt()
    assert (kernels * (distance > 10.5 + math.sqrt(2))).max() == 0
    reach = (distance * (kernels > 0)).amax((1, 2))
    assert reach.min() >= 10


def test_motion_goes_in_all_directions_and_is_no_line(generator):
    kernels = motion_kernels(torch.full((500,), 15.0), motion_side(15), generator)
    q = torch.arange(kernels.shape[-1]) - kernels.shape[-1] // 2.0
    down, across = (kernels.sum(axis) @ q**2 for axis in (2, 1))
    both = torch.einsum("nij,i,j->n", kernels, q, q)
    assert down.mean().item() == pytest.approx(across.mean().item(), rel=0.1)
    assert abs(both.mean() / down.mean()) < 0.1
    smaller = (down + across) / 2 - (((down - across) / 2) ** 2 + both**2).sqrt()
    assert smaller.mean() > 0.5  # pixels² across the main direction; a line has 1/6 at most


def test_without_length_nothing_moves(generator):
    kernels = motion_kernels(torch.zeros(5), motion_side(0), generator)
    assert kernels.shape == (5, 3, 3)
    torch.testing.assert_close(kernels[:, 1, 1], torch.ones(5))
