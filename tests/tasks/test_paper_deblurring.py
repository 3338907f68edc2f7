import math

import pytest
import torch

from telegrad.mge.restriction import averaging
from telegrad.tasks import PaperDeblurring
from telegrad.tasks.paper_deblurring import gaussian_blur

SIZE = (64, 64)


@pytest.mark.parametrize("shape", [(32, 32), (17, 24)])
def test_the_blur_is_its_own_adjoint_and_keeps_the_mean(shape, generator):
    x, y = torch.randn(2, 4, 3, *shape, generator=generator, dtype=torch.float64)
    sigma = (3.0, 1.5)
    ax, ay = gaussian_blur(x, sigma), gaussian_blur(y, sigma)
    assert (ax * y).sum().item() == pytest.approx((x * ay).sum().item(), rel=1e-12)
    torch.testing.assert_close(ax.mean((2, 3)), x.mean((2, 3)))


def test_the_blur_of_a_point_is_the_gaussian():
    point = torch.zeros(1, 1, 64, 64, dtype=torch.float64)
    point[..., 32, 32] = 1
    blurred = gaussian_blur(point, (3.0, 2.0))[0, 0]
    d = torch.arange(64) - 32.0
    exact = torch.exp(-(d[:, None] ** 2) / 18 - d**2 / 8) / (2 * math.pi * 6)
    torch.testing.assert_close(blurred, exact.double(), atol=1e-6, rtol=0)


def test_no_blur_is_the_identity(photographs):
    x = photographs(1)
    torch.testing.assert_close(gaussian_blur(x, (0.0, 0.0)), x)


def test_what_is_observed_is_blurred_and_noisy(photographs, generator):
    task = PaperDeblurring(sigma=(3.0, 1.0), t_max=0.5)
    draw = task.draw(photographs(2), generator)
    t = draw["time"][:, None, None, None]
    expected = (1 - t) * gaussian_blur(draw["clean"], (3.0, 1.0)) + t * draw["noise"]
    torch.testing.assert_close(task.observe(draw), expected)


def test_one_sigma_is_both():
    assert PaperDeblurring().sigmas == PaperDeblurring(sigma=3).sigmas == (3, 3)
    assert PaperDeblurring(sigma=(2.0, 1.0)).sigmas == (2, 1)
    assert PaperDeblurring(sigma=[2.0, 1.0]) == PaperDeblurring(sigma=(2.0, 1.0))
    assert hash(PaperDeblurring(sigma=[2.0, 1.0])) == hash(PaperDeblurring(sigma=(2.0, 1.0)))


def test_level_rules_of_the_blur(photographs):
    pixel, physical = PaperDeblurring(), PaperDeblurring(level_rule="physical").at_size(SIZE)
    assert pixel.sigma_on((16, 16)) == pixel.sigma_on(SIZE) == physical.sigma_on(SIZE) == (3, 3)
    assert physical.sigma_on((16, 16)) == (0.75, 0.75)
    assert physical.at_size((32, 64)).sigma_on((16, 16)) == (1.5, 0.75)
    # Physical: blurring, then averaging is nearly averaging, then blurring by half as much.
    x = gaussian_blur(photographs(2).double(), (1.0, 1.0))
    coarse_of_blurred = averaging(gaussian_blur(x, (3.0, 3.0)))
    blurred_coarse = gaussian_blur(averaging(x), physical.sigma_on((32, 32)))
    assert (coarse_of_blurred - blurred_coarse).abs().max() < 0.01


def test_a_level_narrower_than_the_blur_teaches_little():
    assert PaperDeblurring(sigma=3.0).smallest_useful == 15
    assert PaperDeblurring(sigma=(1.0, 4.1)).smallest_useful == 21
    assert PaperDeblurring(sigma=0.0).smallest_useful == 8
    assert PaperDeblurring(sigma=3.0, level_rule="physical").smallest_useful == 8


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sigma": -1.0}, "needs 0 pixels or more"),
        ({"sigma": (3.0, -1.0)}, "needs 0 pixels or more each"),
        ({"sigma": (3.0, 1e7)}, "at most 1,000,000 pixels each"),
        ({"sigma": (3.0, float("inf"))}, "at most 1,000,000 pixels each"),
        ({"sigma": (3.0,)}, "needs a number or 2 numbers"),
        ({"level_rule": "exact"}, "needs one of physical, pixel"),
    ],
)
def test_impossible_blurs_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        PaperDeblurring(**options)
