"""Images on every level, and crops of them."""

import numpy as np
import pytest
import torch
from PIL import Image

from telegrad.data import Folder, NamedImage
from telegrad.data.pyramid import build_pyramid
from telegrad.mge.grids import GridHierarchy
from telegrad.mge.restriction import RESTRICTIONS

GRIDS = GridHierarchy((32, 32), levels=3)


@pytest.mark.parametrize("rule", ["averaging", "injection"])
def test_a_crop_of_a_coarse_level_is_the_restricted_crop_up_to_rounding(rule, pyramid):
    images = pyramid(restriction=rule)
    for image, place in ((0, (0, 0)), (1, (0.3, 0.4)), (4, (0.9, 0.99))):
        fine = (
            torch.from_numpy(images.crop(image, place, 2)["clean"].copy())
            .permute(2, 0, 1)[None]
            .float()
        )
        for level in (1, 0):
            fine = RESTRICTIONS[rule](fine)
            coarse = torch.from_numpy(images.crop(image, place, level)["clean"].copy()).permute(
                2, 0, 1
            )
            assert (fine[0] - coarse).abs().max() <= 0.5


def test_a_patch_has_a_coarse_levels_shape_and_the_finest_levels_pixels(pyramid):
    images = pyramid()
    whole = images.images[1]["clean"][2]
    for level in range(3):
        height, width = GRIDS.shape(level)
        for place in ((0, 0), (0.3, 0.7), (1 - 1e-9, 1 - 1e-9)):
            patch = images.crop(1, place, level, patch=True)["clean"]
            top, left = (
                int(p * (w - n + 1))
                for p, w, n in zip(place, whole.shape, patch.shape, strict=False)
            )
            assert np.array_equal(patch, whole[top : top + height, left : left + width])
            assert patch.shape == (height, width, 3)
    assert top + height == whole.shape[0]  # the last place is the last corner


def test_patches_of_pairs_show_the_same_scene(photograph):
    high = photograph(3, (64, 80))
    low = np.asarray(Image.fromarray(high).resize((40, 32), Image.Resampling.BOX))
    pair = NamedImage("pair", lambda: high, lambda: low)
    images = build_pyramid([pair], GRIDS, pairs=True)
    for place in ((0, 0), (0.37, 0.61), (0.99, 0.99)):
        patch = images.crop(0, place, 1, patch=True)
        halved = np.asarray(Image.fromarray(patch["clean"]).resize((8, 8), Image.Resampling.BOX))
        assert np.array_equal(halved, patch["low"])


def test_every_place_gives_a_whole_crop_on_every_level(pyramid):
    images = pyramid()
    for place in ((0, 0), (0.5, 0.5), (1 - 1e-9, 1 - 1e-9)):
        for level in range(3):
            assert images.crop(0, place, level)["clean"].shape == (*GRIDS.shape(level), 3)


def test_bad_images_are_refused_or_skipped_by_name(directory, photograph):
    (directory / "03.png").write_bytes((directory / "03.png").read_bytes()[:600])
    (directory / "05.png").write_text("not an image")
    Image.fromarray(photograph(0, (20, 90))).save(directory / "07.png")
    images = Folder(path=str(directory)).source().train
    with pytest.raises(OSError, match=r"03\.png: can't be read .* use bad_images=skip"):
        build_pyramid(images, GRIDS)
    with pytest.warns(UserWarning) as warnings:
        built = build_pyramid(images, GRIDS, bad_images="skip")
    said = [str(w.message) for w in warnings]
    assert [name in s for name, s in zip(("03.png", "05.png", "07.png"), said, strict=True)] == [
        True
    ] * 3
    assert "20×90 pixels, smaller than the crop of 32×32" in said[2]
    assert len(built.images) == len(images) - 3


@pytest.mark.parametrize(
    "grids",
    [
        GridHierarchy((32,), levels=3),
        GridHierarchy((8, 32, 32), levels=3),
        GridHierarchy((32, 32), levels=3, fixed=(0,)),
        GridHierarchy((33, 33), levels=3, nodes=True),
    ],
)
def test_images_lie_in_cells_of_the_plane(grids, photograph):
    """On other grids their levels would have other shapes than the schedule's."""
    with pytest.raises(ValueError, match="images lie in cells of the plane: needs GridHierarchy"):
        build_pyramid([NamedImage("image", lambda: photograph(0))], grids)


def test_nothing_usable_is_an_error(photograph):
    tiny = [NamedImage("tiny", lambda: photograph(0, (8, 8)))]
    with pytest.raises(ValueError, match="tiny: 8×8 pixels, smaller"):
        build_pyramid(tiny, GRIDS)
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="none of 1 images can be used"):
        build_pyramid(tiny, GRIDS, bad_images="skip")
