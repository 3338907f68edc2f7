"""What holds for every task: the same problem on every level, and losses of what comes out."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch

from telegrad import restrict
from telegrad.losses import L1, MSE, SSIM
from telegrad.mge.restriction import averaging, injection
from telegrad.tasks import (
    PaperDeblurring,
    PaperDenoising,
    PaperInpainting,
    PaperSuperResolution,
    Task,
)

SIZE = (64, 64)
TASKS = [PaperDenoising(), PaperDeblurring(), PaperInpainting(), PaperSuperResolution()]
RULES = [replace(task, level_rule="pixel") for task in TASKS[1:3]] + [
    replace(task, level_rule="physical") for task in TASKS[1:3]
]
INJECTED = [replace(task, restriction="injection") for task in TASKS]


def identity(images, times=None):
    return images


@pytest.mark.parametrize("task", [*TASKS, *RULES, *INJECTED], ids=repr)
def test_a_draw_can_be_observed_and_restored_on_every_level(task, photographs, generator):
    task = task.at_size(SIZE)
    draw = task.draw(photographs(3), generator)
    while min(draw["clean"].shape[-2:]) >= max(8, task.smallest):
        observed = task.observe(draw)
        assert observed.shape == draw["clean"].shape
        losses = task.losses(identity, draw)
        assert losses.shape == (3,)
        assert losses.isfinite().all()
        assert torch.equal(task.restore(identity, draw), observed)
        draw = restrict(draw, task.rules)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_perfect_images_have_the_least_loss(task, photographs, generator):
    task = task.at_size(SIZE)
    draw = task.draw(photographs(2), generator)

    def oracle(images, times=None):
        return draw["clean"]

    least = -1.0 if task.name == "superresolution" else 0.0
    best = task.losses(oracle, draw)
    assert best.tolist() == pytest.approx([least] * 2)
    assert (task.losses(lambda images, times=None: 0 * images, draw) > best).all()


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_same_generator_gives_the_same_draw(task, photographs):
    first, second = (task.draw(photographs(3), torch.Generator().manual_seed(7)) for _ in range(2))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_images_are_averaged_and_noise_stays_white_or_every_second_pixel_is_taken(
    task, photographs, generator
):
    draw = task.draw(photographs(2), generator)
    averaged = restrict(draw, task.rules)
    torch.testing.assert_close(averaged["clean"], averaging(draw["clean"]))
    if "noise" in draw:
        torch.testing.assert_close(averaged["noise"], 2 * averaging(draw["noise"]))
    injected = restrict(draw, replace(task, restriction="injection").rules)
    for key, field in draw.items():
        assert torch.equal(injected[key], injection(field) if field.ndim == 4 else field)


@pytest.mark.parametrize(
    ("task", "loss"),
    [
        (PaperDenoising(), MSE()),
        (PaperDeblurring(), MSE()),
        (PaperInpainting(), MSE()),
        (PaperSuperResolution(), SSIM()),
    ],
    ids=lambda part: type(part).__name__,
)
def test_the_loss_is_the_task_s_own_or_the_given_one(task, loss, photographs, generator):
    task = task.at_size(SIZE)
    draw = task.draw(photographs(2), generator)
    restored = task.observe(draw)
    assert task.default_loss == loss
    of_range = task.loss_on_range(loss)
    assert torch.equal(task.losses(identity, draw), of_range(restored, draw["clean"]))
    for other in (L1(), torch.nn.L1Loss(reduction="none")):
        expected = (restored - draw["clean"]).abs().mean((1, 2, 3))
        torch.testing.assert_close(task.losses(identity, draw, other), expected)
    with pytest.raises(ValueError, match=r"MSELoss: returned \(\) for 2 images"):
        task.losses(identity, draw, torch.nn.MSELoss())


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_restored_images_of_another_shape_are_refused(task, photographs, generator):
    task = task.at_size(SIZE)
    draw = task.draw(photographs(2), generator)
    with pytest.raises(ValueError, match=r"restored images of shape \(2, 3, 32, 32\)"):
        task.losses(lambda images, times=None: averaging(images), draw)
    with pytest.raises(ValueError, match=r"restored images of shape \(1, 3, 64, 64\)"):
        task.losses(lambda images, times=None: images[:1], draw)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_images_that_are_none_are_refused(task, generator):
    with pytest.raises(TypeError, match="got a list"):
        task.draw([0.0], generator)
    for images in (torch.zeros(3, 8, 8), torch.zeros(0, 3, 8, 8), torch.zeros(1, 3, 8, 8).int()):
        with pytest.raises(ValueError, match=r"needs \(n, c, h, w\) of floating point"):
            task.draw(images, generator)


def test_times_are_given_to_networks_of_timed_tasks_alone(photographs, generator):
    for task in TASKS:
        task = task.at_size(SIZE)
        draw = task.draw(photographs(2), generator)
        calls = []

        def network(*arguments, calls=calls):
            calls.append(arguments)
            return arguments[0]

        task.restore(network, draw)
        (arguments,) = calls
        assert len(arguments) == (1 if task.condition is None else 2)
        if task.condition == "time":
            assert torch.equal(arguments[1], draw["time"])


def test_tasks_are_values():
    assert PaperDenoising(t_max=0.5) == PaperDenoising(t_max=0.5) != PaperDenoising()
    assert len({PaperDenoising(), PaperDenoising(), PaperDenoising(restriction="injection")}) == 2
    assert {task.name for task in TASKS} == {
        "denoising", "deblurring", "inpainting", "superresolution",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"restriction": "exact"}, "needs one of averaging, injection"),
        ({"t_max": 0}, "needs a number above 0 and at most 1"),
        ({"t_max": -1}, "above 0 and at most 1"),
        ({"t_max": 1.5}, "above 0 and at most 1"),
        ({"t_max": float("nan")}, "above 0 and at most 1"),
        ({"t_max": "0.1"}, "needs a number"),
    ],
)
@pytest.mark.parametrize("kind", [PaperDenoising, PaperDeblurring, PaperInpainting])
def test_impossible_options_are_refused(kind, options, says):
    with pytest.raises(ValueError, match=says):
        kind(**options)


@dataclass(frozen=True, kw_only=True)
class Coloring(Task):
    """A user's task without times, of rules of its own: images from their grey values."""

    name: ClassVar[str] = "coloring"
    timed: ClassVar[bool] = False

    @property
    def rules(self):
        return {"clean": "averaging", "grey": "injection"}

    def draw(self, clean, generator):
        return {"clean": clean, "grey": clean.mean(1, keepdim=True)}

    def observe(self, draw):
        return draw["grey"].expand(-1, 3, -1, -1)


def test_a_task_of_the_user_s_own_needs_two_methods(photographs, generator):
    task = Coloring()
    draw = task.draw(photographs(2), generator)
    losses = task.losses(lambda images: images, draw)
    torch.testing.assert_close(losses, L1()(task.observe(draw), draw["clean"]))
    assert restrict(draw, task.rules)["grey"].shape == (2, 1, 32, 32)
    assert torch.equal(restrict(draw, task.rules)["grey"], draw["grey"][..., ::2, ::2])
    assert task.at_size(SIZE) == task.for_patches() == task
    assert task.scale == 1


def test_photographs_of_a_user_s_task_without_times_keep_their_size(photographs):
    images = photographs(2)
    prepared, times = Coloring().prepare(images, 0.3)
    assert prepared is images
    assert times is None
