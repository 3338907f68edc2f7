from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from telegrad.data import sources
from telegrad.data.image_files import read_rgb
from telegrad.data.pyramid import build_pyramid
from telegrad.data.source import NamedImage
from telegrad.data.stream import CropStream, grid_of_crops, resized, to_images
from telegrad.mge.grids import RESTRICTIONS, GridHierarchy

GRIDS = GridHierarchy((32, 32), levels=3)


def photograph(seed, shape=(70, 90)):
    """Smooth random colours, uint8."""
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.BICUBIC))


def pyramid(n=5, restriction="averaging"):
    images = [NamedImage(f"image {k}", lambda k=k: photograph(k, (70 + k, 90))) for k in range(n)]
    return build_pyramid(images, GRIDS, restriction)


@pytest.fixture
def directory(tmp_path):
    for k in range(12):
        Image.fromarray(photograph(k)).save(tmp_path / f"{k:02}.png")
    return tmp_path


# --- sources --------------------------------------------------------------------------------------


def test_the_built_in_photographs_are_real_files_split_by_photograph():
    source = sources.built_in()
    assert len(source.train) == 6
    assert len(source.val) == 2
    assert not {i.name for i in source.train} & {i.name for i in source.val}
    for image in (*source.train, *source.val):
        pixels = image.open()
        assert pixels.dtype == np.uint8
        assert pixels.shape[2] == 3
        assert min(pixels.shape[:2]) >= 300
        assert pixels.std() > 10


def test_a_folder_without_a_split_keeps_every_tenth_image_for_validation(directory):
    source = sources.folder(directory)
    names = [[i.name[-6:-4] for i in part] for part in (source.val, source.train)]
    assert names[0] == ["00", "10"]
    assert names[1] == [f"{k:02}" for k in range(12) if k not in (0, 10)]


def test_a_folder_with_train_and_val_uses_them_with_their_subfolders(tmp_path):
    for place in ("train/a/1.png", "train/b/2.JPG", "val/3.png", "4.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photograph(0)).save(tmp_path / place)
    source = sources.folder(tmp_path)
    assert [i.name.rsplit("/", 1)[1] for i in source.train] == ["1.png", "2.JPG"]
    assert [i.name.rsplit("/", 1)[1] for i in source.val] == ["3.png"]


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_images_of_every_mode_are_read_as_rgb(tmp_path, mode):
    file = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    Image.fromarray(photograph(0)).convert(mode).save(file)
    assert read_rgb(file).shape == (70, 90, 3)


def test_images_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.fromarray(photograph(0)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_rgb(tmp_path / "turned.jpg").shape == (90, 70, 3)


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a directory"):
        sources.folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"no images in .*needs files ending in .*\.jpg"):
        sources.folder(tmp_path)
    Image.fromarray(photograph(0)).save(tmp_path / "one.png")
    with pytest.raises(ValueError, match="only one image"):
        sources.folder(tmp_path)


# --- pyramid --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["averaging", "injection"])
def test_a_crop_of_a_coarse_level_is_the_restricted_crop_up_to_rounding(rule):
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


def test_a_patch_has_a_coarse_levels_shape_and_the_finest_levels_pixels():
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


def test_patches_of_pairs_show_the_same_scene():
    high = photograph(3, (64, 80))
    low = np.asarray(Image.fromarray(high).resize((40, 32), Image.Resampling.BOX))
    pair = NamedImage("pair", lambda: high, lambda: low)
    images = build_pyramid([pair], GRIDS, pairs=True)
    for place in ((0, 0), (0.37, 0.61), (0.99, 0.99)):
        patch = images.crop(0, place, 1, patch=True)
        halved = np.asarray(Image.fromarray(patch["clean"]).resize((8, 8), Image.Resampling.BOX))
        assert np.array_equal(halved, patch["low"])


def test_every_place_gives_a_whole_crop_on_every_level():
    images = pyramid()
    for place in ((0, 0), (0.5, 0.5), (1 - 1e-9, 1 - 1e-9)):
        for level in range(3):
            assert images.crop(0, place, level)["clean"].shape == (*GRIDS.shape(level), 3)


def test_bad_images_are_refused_or_skipped_by_name(directory):
    (directory / "03.png").write_bytes((directory / "03.png").read_bytes()[:600])
    (directory / "05.png").write_text("not an image")
    Image.fromarray(photograph(0, (20, 90))).save(directory / "07.png")
    images = sources.folder(directory).train
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


def test_nothing_usable_is_an_error():
    tiny = [NamedImage("tiny", lambda: photograph(0, (8, 8)))]
    with pytest.raises(ValueError, match="tiny: 8×8 pixels, smaller"):
        build_pyramid(tiny, GRIDS)
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="none of 1 images can be used"):
        build_pyramid(tiny, GRIDS, bad_images="skip")


# --- stream ---------------------------------------------------------------------------------------


def test_two_halves_of_a_run_joined_by_the_state_give_the_same_batches():
    numbers = [(8, 4, 2), (3, 0, 1), (5, 5, 5), (1, 0, 0)] * 3
    whole, images = CropStream(pyramid(), seed=3), pyramid()
    batches = [whole.take(n) for n in numbers]
    first = CropStream(images, seed=3)
    joined = [first.take(n) for n in numbers[:5]]
    second = CropStream(images, seed=3, position=first.position)
    joined += [second.take(n) for n in numbers[5:]]
    for a, b in zip(batches, joined, strict=True):
        for x, y in zip(a, b, strict=True):
            assert (x is None and y is None) or torch.equal(x["clean"], y["clean"])


def test_shapes_types_and_levels_of_a_batch():
    stream = CropStream(pyramid(), seed=0)
    middle, finest = (part["clean"] for part in stream.take((4, 2), first_level=1))
    assert middle.shape == (4, 3, 16, 16)
    assert finest.shape == (2, 3, 32, 32)
    assert middle.dtype == torch.uint8
    assert to_images({"clean": middle})["clean"].min() >= -1
    assert to_images({"a": torch.tensor([0, 255], dtype=torch.uint8)})["a"].tolist() == [-1, 1]
    assert stream.position == 6


@pytest.mark.parametrize(("part", "expected"), [(0.0, 0), (0.25, 3), (0.5, 6), (1.0, 12)])
def test_patches_are_that_part_of_the_crops_evenly_spread(part, expected):
    white_noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    built = build_pyramid([NamedImage("noise", lambda: white_noise)], GRIDS)
    stream = CropStream(built, seed=0)
    crops = torch.cat([stream.take((n,), patches=part)[0]["clean"] for n in (4, 1, 5, 2)])
    spread = crops.float().std((1, 2, 3))  # of pixels; averaging twice makes it a quarter
    assert (spread > 50).sum() == expected
    assert ((spread > 50) | (spread < 30)).all()
    of_eight = (spread[:8] > 50).sum()
    assert of_eight == int(8 * part)
    with pytest.raises(ValueError, match=r"patches=2; needs a part in \[0, 1\]"):
        stream.take((1,), patches=2)


def test_each_image_serves_once_before_any_serves_again_whatever_the_batch_sizes():
    stream = CropStream(pyramid(5), seed=1)
    served = []
    for n in (3, 4, 1, 2, 7, 3):
        served += stream._next_images(n)
        stream.position += n
    assert len(served) == 20
    rounds = [served[k : k + 5] for k in range(0, 20, 5)]
    assert all(sorted(r) == [0, 1, 2, 3, 4] for r in rounds)
    assert len({tuple(r) for r in rounds}) > 1


def test_crops_vary_and_half_of_them_are_mirrored():
    ramp = np.repeat(np.arange(90, dtype=np.uint8)[None, :, None], 70, 0).repeat(3, 2)
    built = build_pyramid([NamedImage("ramp", lambda: ramp)], GRIDS)
    crops = CropStream(built, seed=0).take((400,), first_level=2)[0]["clean"]
    rising = crops[:, 0, 0, -1].int() > crops[:, 0, 0, 0].int()
    assert 0.4 < rising.float().mean() < 0.6
    corners = Counter(crops[rising][:, 0, 0, 0].tolist())
    assert set(corners) == set(range(0, 60, 4))  # multiples of the coarsest mesh width


def test_another_seed_gives_other_crops():
    images = pyramid()
    (a,), (b,) = (CropStream(images, seed).take((6,)) for seed in (0, 1))
    assert not torch.equal(a["clean"], b["clean"])


def test_evaluation_crops_are_the_same_every_time_and_cover_all_images():
    images = pyramid(3)
    crops = grid_of_crops(images, 10)["clean"]
    assert crops.shape == (10, 3, 32, 32)
    assert torch.equal(crops, grid_of_crops(images, 10)["clean"])
    assert len({c.numpy().tobytes() for c in crops}) == 10


def test_resized_images_are_the_same_scene_and_pairs_stay_pairs():
    down, across = torch.meshgrid(
        torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 48), indexing="ij"
    )
    clean = torch.stack([down, across, down * across]).expand(2, 3, 64, 48)
    smaller = resized({"clean": clean, "low": clean[..., ::2, ::2]}, (40, 30))
    assert {name: tuple(image.shape[2:]) for name, image in smaller.items()} == {
        "clean": (40, 30),
        "low": (20, 15),
    }
    assert smaller["clean"].mean((0, 2, 3)) == pytest.approx(clean.mean((0, 2, 3)), abs=1e-2)
    half = resized({"clean": clean}, (32, 24))["clean"][..., 1:-1, 1:-1]
    assert torch.allclose(half[:, 0, :, 0], clean[0, 0, 2:-2, 0].reshape(-1, 2).mean(1), atol=1e-5)
