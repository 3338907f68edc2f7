"""Operators of deepinv as tasks: built once a level, coupled in noise, refused with a message."""

import sys

import deepinv
import pytest
import torch

from telegrad import restrict
from telegrad.tasks import Physics
from telegrad.tasks.physics import noise_like

BOX = [[1 / 9] * 3] * 3
OPERATORS = {
    "Inpainting": {"mask": 0.5},
    "BlurFFT": {"filter": BOX},
    "Blur": {"filter": {"gaussian_blur": {"sigma": 1.0}}, "padding": "reflect"},
    "Downsampling": {"filter": "bicubic", "factor": 2},
    "CompressedSensing": {"m": 100},
}


def physics(name, **options):
    return Physics(physics=name, arguments=OPERATORS[name], **options)


@pytest.fixture
def images(photographs):
    return photographs(3, 32) / 2 + 0.5


@pytest.mark.parametrize("name", OPERATORS)
def test_a_draw_can_be_observed_on_every_level(name, images, generator):
    task = physics(name, noise=5).at_size((32, 32))
    draw = task.draw(images, generator)
    for _ in range(2):
        observed = task.observe(draw)
        assert observed.shape == draw["clean"].shape and observed.isfinite().all()
        assert torch.equal(observed, task.observe(draw))
        assert task.losses(lambda x, sigma: x, draw).shape == (3,)
        draw = restrict(draw, task.rules)


@pytest.mark.parametrize("factor", [2, 3, 4, 5])
def test_its_scale_is_the_factor_that_it_makes_images_smaller_by(factor, images):
    task = Physics(physics="Downsampling", arguments={"filter": "bicubic", "factor": factor})
    assert task.scale == task.divisor == factor
    given, _ = task.prepare(images[..., :16, :12], 0.0)
    assert given.shape == (3, 3, factor * 16, factor * 12)
    assert physics("CompressedSensing").scale == physics("Inpainting").scale == 1


@pytest.mark.parametrize("name", ["Inpainting", "BlurFFT", "Downsampling"])
def test_it_is_deepinv_s_operator_of_the_level_s_own_size(name, images, generator):
    task = physics(name)
    draw = restrict(task.draw(images, generator), task.rules)
    own = task.operator(16, 16).physics
    assert type(own) is getattr(deepinv.physics, name)
    y = own.A(draw["clean"])
    expected = y if y.shape == draw["clean"].shape else own.A_adjoint(y)
    torch.testing.assert_close(task.observe(draw), expected)


def test_an_operator_is_built_once_a_level_from_the_seed_alone(images, generator):
    task = physics("Inpainting")
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = task.operator(32, 32)
    assert physics("Inpainting").operator(32, 32) is first
    assert torch.equal(torch.get_rng_state(), state)
    assert 0.4 < first.physics.mask.mean() < 0.6
    y = task.observe(task.draw(images, generator))
    assert torch.equal(y == 0, (first.physics.mask == 0).expand_as(y) | (images == 0))


def test_noise_has_its_standard_deviation_on_every_level_and_stays_coupled(generator):
    """Smaller measured images have the noise's block means, which restricting keeps white."""
    task = physics("Downsampling", noise=25)
    draw = task.draw(torch.zeros(1, 3, 256, 256), generator)
    coarse = restrict(draw, task.rules)
    fine_noise = noise_like(torch.zeros(1, 3, 128, 128), draw)
    coarse_noise = noise_like(torch.zeros(1, 3, 64, 64), coarse)
    for noise in (fine_noise, coarse_noise):
        assert noise.std().item() == pytest.approx(1, rel=0.05)
    torch.testing.assert_close(
        restrict(fine_noise, "white_noise"), coarse_noise, rtol=1e-5, atol=1e-5
    )
    other = noise_like(torch.zeros(1, 500), draw)
    assert other.std().item() == pytest.approx(1, rel=0.2)
    assert torch.equal(other, noise_like(torch.zeros(1, 500), draw))


def test_measured_images_are_restored_at_their_own_scale():
    small = torch.rand(1, 3, 8, 12)
    task = physics("Downsampling", noise="0..20")
    given, sigma = task.prepare(small, 0.5)
    assert given.shape == (1, 3, 16, 24) and sigma.item() == pytest.approx(20 / 255)
    assert (task.scale, task.divisor, physics("Inpainting").scale) == (2, 2, 1)
    assert torch.equal(physics("BlurFFT").prepare(small, 0.0)[0], small)
    with pytest.raises(ValueError, match=r"measures \(100,\) of images .*can't be restored"):
        physics("CompressedSensing").prepare(small, 0.0)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"physics": "Inpaiting"}, "did you mean Inpainting"),
        ({"physics": "torch.nn.Conv2d"}, "needs a class derived from deepinv.physics.Physics"),
        ({"physics": "os.system"}, "needs a class derived from deepinv.physics.Physics"),
        (
            {"physics": "Blur", "arguments": {"fliter": BOX}},
            "no such argument; did you mean filter",
        ),
        ({"physics": "Blur", "arguments": {"filter": [[1, 2], [3]]}}, "rows of one length"),
        ({"physics": "Blur", "arguments": {"filter": {"eval": {}}}}, "there are gaussian_blur"),
        (
            {"physics": "Inpainting", "arguments": {"img_size": [3, 8, 8]}},
            "filled in for each level",
        ),
        ({"physics": "Inpainting", "arguments": {"device": "cpu"}}, "operators follow the images"),
        ({"physics": "Inpainting", "noise": 300}, "numbers between 0 and 255"),
        ({"physics": "Inpainting", "arguments": 0.5}, "arguments=0.5: needs values by name"),
    ],
)
def test_what_describes_no_operator_is_refused_at_once(options, says):
    with pytest.raises(ValueError, match=says):
        Physics(**options)


class Flickering(deepinv.physics.LinearPhysics):
    """Another one in every call."""

    def A(self, x, **kwargs):  # noqa: N802
        return x * torch.rand(1, device=x.device)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"physics": "Denoising"}, r"noise of its own \(GaussianNoise\).*--noise"),
        ({"physics": f"{__name__}.Flickering"}, "is random in every call"),
        ({"physics": "BlurFFT"}, "Physics: BlurFFT for images of 3×32×32: "),
        ({"physics": "Inpainting"}, "Physics: Inpainting for images of 3×32×32: "),
    ],
)
def test_an_operator_that_can_not_be_used_is_refused_at_its_size(options, says, monkeypatch):
    monkeypatch.setitem(sys.modules, __name__, sys.modules[Flickering.__module__])
    with pytest.raises(ValueError, match=says):
        Physics(**options).at_size((32, 32))


def test_without_deepinv_there_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "deepinv", None)
    monkeypatch.setitem(sys.modules, "deepinv.physics", None)
    with pytest.raises(
        ValueError, match=r"^Physics: needs deepinv: pip install 'telegrad\[deepinv\]'"
    ):
        Physics(physics="Inpainting")


def test_tasks_are_values():
    assert physics("Blur") == physics("Blur") != physics("BlurFFT")
    assert len({physics("Blur"), physics("Blur"), physics("Inpainting")}) == 2
    assert physics("Inpainting", noise="0..5").name == "physics_inpainting_n0-5"
