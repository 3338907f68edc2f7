"""What holds for every task of the field: one problem on all levels, a sum that telescopes, seeds."""

from dataclasses import replace

import pytest
import torch

from telegrad import GridHierarchy, multiscale_backward, restrict
from telegrad.tasks import JPEG, Deblurring, Denoising, Inpainting, SuperResolution

SIZE = (64, 64)
TASKS = [
    Denoising(sigma="0..50"),
    JPEG(),
    SuperResolution(),
    Deblurring(),
    Deblurring(blur="motion", length="3..13"),
    Inpainting(noise=5),
    Inpainting(level_rule="pixel"),
    Inpainting(holes="pixels", missing="0.2..0.8"),
]
each_task = pytest.mark.parametrize("task", TASKS, ids=repr)


@pytest.fixture
def images(photographs):
    """Photographs (3, 3, 64, 64) in [0, 1]."""
    return (photographs(3) + 1) / 2


def seeded(seed=7):
    return torch.Generator().manual_seed(seed)


@each_task
def test_the_same_seed_gives_the_same_draw_and_another_one_another(task, images):
    task = task.at_size(SIZE)
    first, second = (task.observe(task.draw(images, seeded())) for _ in range(2))
    assert torch.equal(first, second)
    if not isinstance(task, SuperResolution):  # in which nothing is random
        assert not torch.equal(first, task.observe(task.draw(images, seeded(8))))


@each_task
def test_rules_name_the_fields_of_a_draw(task, images):
    task = task.at_size(SIZE)
    fields = task.draw(images, seeded()).keys()
    assert fields - task.rules.keys() <= {"sigma"}
    assert task.rules.keys() - fields <= {"noise", "low"}


@each_task
@pytest.mark.parametrize("color", ["rgb", "grey"])
def test_a_draw_is_observed_and_restored_on_every_level(task, color, images):
    task = replace(task, color=color).at_size(SIZE)
    clean = images if color == "rgb" else images[:, :1]
    draw = task.draw(clean, seeded())
    for side in (64, 32, 16):
        assert draw["clean"].shape[-2:] == (side, side)
        assert task.smallest <= side
        assert task.unrestored(draw).shape == draw["clean"].shape
        assert task.observe(draw).isfinite().all()
        draw = restrict(draw, {key: rule for key, rule in task.rules.items() if key in draw})


@each_task
def test_observing_leaves_the_draw_as_it_was(task, images):
    task = task.at_size(SIZE)
    draw = task.draw(images, seeded())
    before = {key: field.clone() for key, field in draw.items()}
    task.observe(draw)
    assert all(torch.equal(draw[key], field) for key, field in before.items())


@each_task
def test_in_bfloat16_it_is_the_same_to_its_precision(task, images):
    task = task.at_size(SIZE)
    draw = task.draw(images, seeded())
    half = {k: v.bfloat16() if k in ("clean", "noise") else v for k, v in draw.items()}
    observed = task.observe(half)
    assert observed.dtype in (torch.bfloat16, torch.float32)
    worst = 0.1 if isinstance(task, JPEG) else 0.02  # a coefficient may be rounded otherwise
    assert (observed.float() - task.observe(draw)).abs().max() < worst


@each_task
def test_with_the_same_draws_on_all_levels_the_sum_is_the_finest_gradient(task, photographs):
    """Σ_l (g_l − g_{l−1}) + g_0 = g_L, where all levels have the draws of the finest alone."""
    task = task.at_size(SIZE)
    draw = task.draw((photographs(4) + 1) / 2, seeded())
    scale = torch.tensor(0.9, requires_grad=True)

    def network(images, sigma=None):
        factor = task.enlarges
        return scale * images.repeat_interleave(factor, -1).repeat_interleave(factor, -2) + 0.05

    def losses(draw):
        return task.losses(network, draw)

    (finest,) = torch.autograd.grad(losses(draw).mean(), scale)
    rules = {key: rule for key, rule in task.rules.items() if key in draw}
    grids = GridHierarchy(SIZE, levels=3)
    multiscale_backward(losses, draw, grids, (4, 4, 4), restriction=rules)
    torch.testing.assert_close(scale.grad, finest)


@each_task
def test_a_draw_without_its_fields_is_refused(task, images):
    task = task.at_size(SIZE)
    draw = task.draw(images, seeded())
    if isinstance(task, SuperResolution):
        return
    with pytest.raises(ValueError, match=r"observe: a draw with .*needs "):
        task.observe({"clean": draw["clean"]})


@each_task
def test_images_that_are_none_are_refused(task):
    task = task.at_size(SIZE)
    for images in (torch.zeros(3, 64, 64), torch.zeros(1, 3, 64, 64).int()):
        with pytest.raises(ValueError, match=r"needs \(n, c, h, w\) of floating point"):
            task.draw(images, seeded())


def test_names_say_what_defines_the_problem():
    assert JPEG().name == "jpeg_q10-90" and JPEG(quality=10).name == "jpeg_q10"
    assert Deblurring().name == "deblurring_gaussian_s1.6"
    assert Deblurring(blur="motion").name == "deblurring_motion_l5-25"
    assert Inpainting().name == "inpainting_boxes"
    assert Inpainting(holes="pixels", missing=0.9).name == "inpainting_pixels_m0.9"
