import pytest
from PIL import Image

from telegrad.data.image_files import read_rgb


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_images_of_every_mode_are_read_as_rgb(tmp_path, mode, photograph):
    file = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    Image.fromarray(photograph(0)).convert(mode).save(file)
    assert read_rgb(file).shape == (70, 90, 3)


def test_images_are_turned_upright(tmp_path, photograph):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.fromarray(photograph(0)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_rgb(tmp_path / "turned.jpg").shape == (90, 70, 3)
