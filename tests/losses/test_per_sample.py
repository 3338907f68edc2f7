import pytest
import torch
from torch import nn

from telegrad.losses import L1, per_sample


class Weighted(nn.Module):
    """A user's loss: one number per sample."""

    def forward(self, restored, clean):
        return 2 * (restored - clean).abs().mean((1, 2, 3))


def of_pixels(restored, clean):
    return (restored - clean).abs()


@pytest.mark.parametrize(
    "loss", [L1(), nn.L1Loss(reduction="none"), of_pixels], ids=["ours", "of torch", "function"]
)
def test_ours_torch_s_and_functions_give_the_same(loss, pair):
    restored, clean = pair
    expected = (restored - clean).abs().mean((1, 2, 3))
    torch.testing.assert_close(per_sample(loss, restored, clean), expected)


def test_a_user_s_own_class_is_called(pair):
    assert torch.equal(per_sample(Weighted(), *pair), Weighted()(*pair))


def test_gradients_pass_through(pair):
    restored, clean = pair
    variable = restored.clone().requires_grad_()
    per_sample(nn.MSELoss(reduction="none"), variable, clean)[1].backward()
    expected = torch.zeros_like(restored)
    expected[1] = 2 * (restored - clean)[1] / clean[1].numel()
    torch.testing.assert_close(variable.grad, expected)


@pytest.mark.parametrize("n", [1, 3])
def test_a_mean_over_all_samples_is_refused_of_one_sample_too(n, pair):
    restored, clean = (images[:n] for images in pair)
    says = rf"MSELoss: returned \(\) for {n} images; .* \({n},\)\. .*reduction='none'"
    with pytest.raises(ValueError, match=says):
        per_sample(nn.MSELoss(), restored, clean)


@pytest.mark.parametrize(
    ("loss", "says"),
    [
        (lambda restored, clean: 0.5, "<lambda>: returned float"),
        (lambda restored, clean: restored.mean(0), r"returned \(3, 16, 24\)"),
        (lambda restored, clean: restored.mean((2, 3)), r"returned \(3, 3\)"),
        (lambda restored, clean: restored[:2].mean((1, 2, 3)), r"returned \(2,\)"),
    ],
)
def test_other_shapes_are_refused(loss, says, pair):
    with pytest.raises(ValueError, match=says):
        per_sample(loss, *pair)
