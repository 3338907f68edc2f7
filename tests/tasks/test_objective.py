import pytest
import torch

from telegrad.losses import L1, MSE, SSIM, Sum
from telegrad.tasks import Denoising, Objective, PaperDenoising, PaperSuperResolution


def half(images, times=None):
    return images / 2


@pytest.fixture
def images():
    return torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize(
    ("task", "own"), [(PaperDenoising(), MSE()), (PaperSuperResolution(), SSIM(data_range=2.0))]
)
def test_without_a_loss_it_is_the_task_s_own(task, own, images):
    objective = Objective(task)
    assert objective.loss == own
    assert objective == Objective(task, own)
    draw = task.draw(images, torch.Generator().manual_seed(1))
    torch.testing.assert_close(objective.losses(half, draw), task.losses(half, draw))


def test_a_loss_that_needs_the_width_of_the_range_is_given_the_task_s():
    terms = {"SSIM": 1.0, "L1": 1.0}
    assert Objective(Denoising(), SSIM()).loss == SSIM(data_range=1.0)
    assert Objective(Denoising(), Sum(terms=terms)).loss == Sum(terms=terms, data_range=1.0)
    assert Objective(Denoising(), SSIM(data_range=4.0)).loss == SSIM(data_range=4.0)
    assert Objective(PaperDenoising(), SSIM()).loss == SSIM(data_range=2.0)


@pytest.mark.parametrize("loss", [L1(), torch.nn.L1Loss(reduction="none")], ids=["ours", "torch's"])
def test_a_loss_of_restored_images_is_that_of_the_network_s(loss, images):
    objective, task = Objective(PaperDenoising(), loss), PaperDenoising()
    draw = task.draw(images, torch.Generator().manual_seed(1))
    restored = task.restore(half, draw)
    expected = (restored - draw["clean"]).abs().mean((1, 2, 3))
    torch.testing.assert_close(objective.losses(half, draw), expected)
    torch.testing.assert_close(objective.losses_of(restored, draw["clean"]), expected)


def test_a_mean_over_all_samples_is_no_loss(images):
    with pytest.raises(ValueError, match=r"L1Loss: .* one loss per sample"):
        Objective(PaperDenoising(), torch.nn.L1Loss()).losses_of(images, images)
