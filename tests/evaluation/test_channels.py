import pytest
import torch

from telegrad.evaluation.channels import eight_bits, luma, measured_channels, without_border


@pytest.mark.parametrize(
    ("color", "y"),
    [
        ((0, 0, 0), 16),
        ((255, 255, 255), 235),
        ((255, 0, 0), 81),
        ((0, 255, 0), 145),
        ((0, 0, 255), 41),
    ],
)
def test_y_of_known_colors_is_that_of_rgb2ycbcr(color, y):
    image = torch.tensor(color, dtype=torch.float64).view(1, 3, 1, 1) / 255
    assert round(255 * luma(image).item()) == y


def test_a_grey_file_is_measured_as_it_is_and_a_grey_color_as_color():
    image = torch.full((1, 3, 4, 4), 100 / 255, dtype=torch.float64)
    own, converted = (255 * measured_channels(image, "y", grey).mean() for grey in (True, False))
    assert own.item() == pytest.approx(100)
    assert converted.item() == pytest.approx(16 + 219 * 100 / 255)


def test_rounding_is_to_256_values_within_the_range():
    values = torch.tensor([-1.0, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 3.0])
    assert (255 * eight_bits(values)).tolist() == pytest.approx([0, 0, 0, 1, 255, 255])


def test_a_border_is_left_out_at_each_edge():
    images = torch.zeros(1, 1, 10, 12)
    images[..., 2:-2, 2:-2] = 1
    assert (without_border(images, 2) == 1).all()
    assert without_border(images, 0).shape == images.shape
    with pytest.raises(ValueError, match=r"crop_border=5 leaves nothing of 10×12"):
        without_border(images, 5)
