import pytest
import torch

from telegrad import restrict
from telegrad.tasks import SuperResolution
from telegrad.tasks.bicubic import bicubic


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_the_network_gets_the_small_image_on_every_level(scale, photographs, generator):
    task = SuperResolution(scale=scale)
    draw = task.draw(photographs(2, 16 * scale) / 2 + 0.5, generator)
    for side in (16, 8, 4):
        given = task.observe(draw)
        assert given.shape == (2, 3, side, side)
        torch.testing.assert_close(given, bicubic(draw["clean"], (side, side)))
        losses = task.losses(lambda low: bicubic(low, (scale * low.shape[-1],) * 2), draw)
        assert losses.shape == (2,)
        if side > 4:
            draw = restrict(draw, {"clean": task.rules["clean"]})


def test_small_images_of_the_dataset_are_taken_where_there_are_any(generator):
    task, low = SuperResolution(scale=4), torch.rand(2, 3, 4, 4)
    draw = task.draw(torch.rand(2, 3, 16, 16), generator, low=low)
    assert torch.equal(task.observe(draw), low)
    assert task.observe(restrict(draw, task.rules)).shape == (2, 3, 2, 2)
    with pytest.raises(ValueError, match=r"SuperResolution.observe: a draw with"):
        task.observe({**draw, "low": low[..., :2]})


def test_what_is_compared_is_as_large_as_the_clean_image(photographs, generator):
    task = SuperResolution(scale=3)
    draw = task.draw(photographs(1, 48), generator)
    assert task.unrestored(draw).shape == draw["clean"].shape


def test_another_scale_is_refused():
    with pytest.raises(ValueError, match="scale=5: needs one of 2, 3, 4, 8"):
        SuperResolution(scale=5)


def test_an_output_of_the_small_size_is_refused(photographs, generator):
    task = SuperResolution(scale=2)
    draw = task.draw(photographs(1, 16), generator)
    with pytest.raises(ValueError, match=r"restored images of shape \(1, 3, 8, 8\)"):
        task.losses(lambda low: low, draw)
