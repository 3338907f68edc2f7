import numpy as np
import pytest
import torch

from telegrad import restrict
from telegrad.mge.restriction import averaging
from telegrad.tasks import Deblurring
from telegrad.tasks.blurring import blurred


@pytest.fixture
def images(photographs):
    """Photographs (4, 3, 64, 64) in [0, 1]."""
    return (photographs(4) + 1) / 2


@pytest.fixture
def folder(tmp_path):
    """Three kernels of 5×5, 3×3 and one pixel."""
    for side in (1, 3, 5):
        np.save(tmp_path / f"{side}.npy", np.full((side, side), side**-2.0))
    return str(tmp_path)


def seeded(seed=7):
    return torch.Generator().manual_seed(seed)


def test_what_is_observed_is_blurred_and_has_noise_of_its_strength(images):
    task = Deblurring(sigma=2, noise=10)
    draw = task.draw(images, seeded())
    noise = 255 * (task.observe(draw) - blurred(images, draw["kernel"]))
    assert noise.std().item() == pytest.approx(10, rel=0.05)
    assert Deblurring(noise=0).observe(draw).std() < images.std()


@pytest.mark.parametrize("options", [{}, {"blur": "motion"}, {"blur": "motion", "length": 9}])
def test_each_image_has_a_kernel_of_its_own(options, images):
    options = options or {"sigma": "0.5..3"}
    kernels = Deblurring(**options).draw(images, seeded())["kernel"]
    assert len({kernel.numpy().tobytes() for kernel in kernels}) == 4
    torch.testing.assert_close(kernels.sum((1, 2)), torch.ones(4))


@pytest.mark.parametrize("blur", ["gaussian", "motion", "folder"])
def test_restricting_and_observing_is_the_draw_made_on_the_coarse_level(blur, images, request):
    """The kernel has the same pixels on every level, the noise the same standard deviation."""
    options = {"gaussian": {"sigma": "1..2"}, "motion": {"length": "5..9"}}.get(blur)
    options = options or {"kernels": request.getfixturevalue("folder")}
    task = Deblurring(blur=blur, noise=5, **options)
    fine = task.draw(images, seeded())
    there = task.draw(averaging(images), seeded())
    restricted = restrict(fine, task.rules)
    assert torch.equal(restricted["kernel"], there["kernel"])
    assert torch.equal(restricted["clean"], there["clean"])
    without = Deblurring(blur=blur, noise=0, **options)
    assert torch.equal(without.observe(restricted), without.observe(there))
    assert restricted["noise"].std().item() == pytest.approx(1, rel=0.05)


def test_kernels_of_a_folder_are_drawn_alike(folder):
    task = Deblurring(blur="folder", kernels=folder)
    kernels = task.draw(torch.zeros(600, 1, 8, 8), seeded())["kernel"]
    assert kernels.shape == (600, 5, 5)
    peaks, counts = kernels.amax((1, 2)).unique(return_counts=True)
    assert peaks.tolist() == pytest.approx([1 / 25, 1 / 9, 1])
    assert counts.min() > 150
    assert task.name == "deblurring_folder"
    assert list(task.files) == ["1.npy", "3.npy", "5.npy"]
    assert not Deblurring().files


def test_a_level_holds_the_kernel(folder, images):
    assert Deblurring().smallest == 15 and Deblurring(sigma="0..3").smallest == 25
    assert Deblurring(blur="motion").smallest == 27
    assert Deblurring(blur="folder", kernels=folder).smallest == 5
    assert Deblurring(sigma=0.5).smallest_useful == 8
    assert Deblurring(sigma=3).smallest_useful == 25
    task = Deblurring(sigma=3)
    draw = task.draw(images, seeded())
    with pytest.raises(ValueError, match=r"kernels of shape \(4, 25, 25\) for 4 images of 16×16"):
        task.observe(restrict(restrict(draw, task.rules), task.rules))


def test_patches_pose_another_problem_at_their_edges_and_keep_the_kernel():
    task = Deblurring()
    assert not task.pixelwise
    assert task.for_patches() is task.at_size((64, 64)) is task


def test_tasks_are_values(folder):
    assert Deblurring() == Deblurring() != Deblurring(sigma=1.6)
    assert hash(Deblurring(blur="folder", kernels=folder)) == hash(
        Deblurring(blur="folder", kernels=folder)
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"blur": "box"}, "needs one of gaussian, motion, folder"),
        ({"sigma": -1}, "sigma=-1: needs numbers between 0 and 30"),
        ({"sigma": "3..1"}, "the lower one first"),
        ({"blur": "motion", "length": 300}, "length=300: needs numbers between 0 and 250"),
        ({"length": 9}, "length=9: belongs to blur=motion, and this is blur=gaussian; say --blur"),
        ({"blur": "motion", "sigma": 2}, "sigma=2: belongs to blur=gaussian"),
        ({"kernels": "k"}, "kernels='k': belongs to blur=folder"),
        ({"blur": "folder"}, "blur=folder: needs the folder of your kernels; say --kernels DIR"),
        ({"blur": "folder", "kernels": "none_here"}, "kernels=none_here: there is no such folder"),
        ({"noise": -1}, "needs 0 or more"),
        ({"noise": 256}, "needs at most 255"),
    ],
)
def test_impossible_blurs_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        Deblurring(**options)
