"""A pyramid of one's own images is a dataset: alone, in pairs, in a loader, on disk."""

import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from telegrad import GridHierarchy, Schedule, ScheduledLoader, Stage, restrict
from telegrad.data import image_pyramid
from telegrad.schedules import cascadic, multiscale, progressive_patches, progressive_resizing

GRIDS = GridHierarchy((32, 32), levels=3)
QUIET = {"progress": False}


@pytest.fixture
def pairs(tmp_path, photograph):
    """Five images, and companions that are smaller by a scale, in two folders."""

    def make(scale, suffix=""):
        for k in range(5):
            high = photograph(k, (48 * 2, 72))
            low = Image.fromarray(high).reduce(scale) if scale > 1 else Image.fromarray(high)
            for folder, image, name in (
                ("gt", Image.fromarray(high), f"{k:02}.png"),
                (f"lq{scale}", low, f"{k:02}{suffix}.png"),
            ):
                (tmp_path / folder).mkdir(exist_ok=True)
                image.save(tmp_path / folder / name)
        return tmp_path / "gt", tmp_path / f"lq{scale}"

    return make


def test_batches_of_all_levels_from_a_folder(directory):
    images = image_pyramid(directory, GRIDS, **QUIET)
    assert len(images) == 12
    whole = images[3]["clean"]
    assert whole.shape == (3, 68, 88)  # trimmed to blocks of the coarsest level
    expected = np.asarray(Image.open(directory / "03.png"))[:68, :88] / np.float32(255)
    assert torch.equal(whole, torch.from_numpy(expected).permute(2, 0, 1))
    schedule = cascadic(GRIDS, (2, 2, 2), (8, 4, 2))
    for step in ScheduledLoader(images, schedule):
        clean = step.batch["clean"]
        assert clean.shape == ((8, 4, 2)[step.level], 3, *GRIDS.shape(step.level))
        assert clean.dtype == torch.float32
        assert 0 <= clean.min() <= clean.max() <= 1


def test_a_coarse_crop_is_the_restricted_fine_one(directory):
    images = image_pyramid(directory, GRIDS, **QUIET)
    batches = {}
    for level in range(3):
        schedule = cascadic(GRIDS.between(0, 2), (1, 1, 1), (6, 6, 6))
        loader = ScheduledLoader(images, schedule)
        loader.seek(level, 0)
        batches[level] = loader.next_step().batch["clean"]
    for level in (1, 0):
        coarse = restrict(batches[level + 1])
        assert (batches[level] - coarse).abs().max() < 1.01 / 255  # rounded once on each level


@pytest.mark.parametrize(("scale", "suffix"), [(1, ""), (2, "x2"), (3, "_x3"), (4, "")])
def test_pairs_show_the_same_part_of_the_scene(pairs, scale, suffix):
    gt, lq = pairs(scale, suffix)
    grids = GridHierarchy((48, 48), levels=3)
    images = image_pyramid(gt, grids, low=lq, dtype=torch.uint8, mirror=True, **QUIET)
    for step in ScheduledLoader(images, cascadic(grids, (3, 3, 3), (4, 4, 4))):
        clean, low = step.batch["clean"].float(), step.batch["low"].float()
        assert clean.shape[-1] == scale * low.shape[-1]
        block = torch.nn.functional.avg_pool2d(clean, scale)
        assert (block - low).abs().max() <= 2  # rounded, and reduced before the levels were made


def test_sizes_between_the_levels(directory):
    images = image_pyramid(directory, GRIDS, **QUIET)
    schedule = progressive_resizing(GRIDS, steps=10, batch_size=2)
    shapes = [tuple(step.batch["clean"].shape[2:]) for step in ScheduledLoader(images, schedule)]
    assert shapes == [(16, 16)] * 5 + [(20, 20), (24, 24), (28, 28)] + [(32, 32)] * 2


def test_patches_of_any_size_are_cut_not_resized(directory):
    images = image_pyramid(directory, GRIDS, dtype=torch.uint8, mirror=False, **QUIET)
    whole = [images[k]["clean"] for k in range(len(images))]
    schedule = progressive_patches(GRIDS, steps=12, sizes=(20, 32))
    for mine, theirs in zip(
        ScheduledLoader(images, schedule), ScheduledLoader(whole, schedule), strict=True
    ):
        assert mine.batch["clean"].shape[-1] == (20 if mine.number < 6 else 32)
        assert torch.equal(mine.batch["clean"], theirs.batch)


def test_bytes_are_resized_like_numbers_and_rounded(directory):
    schedule = progressive_resizing(GRIDS, steps=10, batch_size=2)
    numbers, bytes_ = (
        [
            step.batch["clean"]
            for step in ScheduledLoader(
                image_pyramid(directory, GRIDS, dtype=dtype, **QUIET), schedule
            )
        ]
        for dtype in (torch.float32, torch.uint8)
    )
    for exact, rounded in zip(numbers, bytes_, strict=True):
        assert rounded.dtype == torch.uint8
        assert rounded.shape == exact.shape
        assert (255 * exact - rounded.float()).abs().max() < 0.51


def test_crops_from_disk_by_workers_are_those_from_memory(directory, tmp_path):
    in_memory = image_pyramid(directory, GRIDS, **QUIET)
    on_disk = image_pyramid(directory, GRIDS, memory=0, cache_dir=tmp_path / "cache", **QUIET)
    assert len(pickle.dumps(on_disk)) < 10_000  # workers that are not forked open the files
    again = pickle.loads(pickle.dumps(on_disk))
    assert torch.equal(again[3]["clean"], in_memory[3]["clean"])
    schedule = cascadic(GRIDS, (2, 2, 2), (4, 2, 1))
    several = ScheduledLoader(on_disk, schedule, num_workers=2)
    for a, b in zip(ScheduledLoader(in_memory, schedule), several, strict=True):
        assert torch.equal(a.batch["clean"], b.batch["clean"])


def test_pairs_that_are_none_are_refused_by_name(pairs, directory):
    gt, lq = pairs(2)
    (lq / "03.png").rename(lq / "33.png")
    with pytest.raises(ValueError, match=r"2 images without a companion .*gt/03.png, .*lq2/33.png"):
        image_pyramid(gt, GRIDS, low=lq, **QUIET)
    with pytest.raises(ValueError, match="companion 70×90; needs the same size, or one smaller"):
        image_pyramid(sorted(gt.iterdir()), GRIDS, low=sorted(directory.glob("*.png"))[:5], **QUIET)
    with pytest.raises(ValueError, match=r"dtype=torch.int64; needs a floating-point type"):
        image_pyramid(gt, GRIDS, dtype=torch.int64)
    with pytest.raises(FileNotFoundError, match="nowhere is not a directory"):
        image_pyramid("nowhere", GRIDS)
    (lq / "33.png").rename(lq / "03.png")
    with pytest.raises(ValueError, match="pairs of scale 2 on a coarsest level of 5×5"):
        image_pyramid(gt, GridHierarchy((20, 20), 3), low=lq, **QUIET)


def test_a_pyramid_is_for_its_own_grids(directory):
    images = image_pyramid(directory, GRIDS, **QUIET)
    other = cascadic(GridHierarchy((64, 64), 2), (1, 1), (1, 1))
    with pytest.raises(ValueError, match="3 levels up to 32×32, the schedule 2 up to 64×64; build"):
        ScheduledLoader(images, other)


def test_batches_go_to_the_device(directory):
    images = image_pyramid(directory, GRIDS, **QUIET)
    loader = ScheduledLoader(images, cascadic(GRIDS, (1, 1, 1), (2, 2, 2)), device="meta")
    assert all(step.batch["clean"].device.type == "meta" for step in loader)


def test_a_loader_restricts_by_the_pyramid_s_own_rule(directory):
    """What begins on a coarse level is then distributed as what is restricted to it."""
    schedule = multiscale(GRIDS, 1, (6, 4, 2))
    for rule, other in (("averaging", "injection"), ("injection", "averaging")):
        images = image_pyramid(directory, GRIDS, restriction=rule, **QUIET)
        assert images.restriction == rule
        for asked in (None, rule):
            (step,) = ScheduledLoader(images, schedule, restriction=asked)
            assert step.restriction == rule
        with pytest.raises(ValueError, match=f"restriction='{other}', and the dataset's coarse"):
            ScheduledLoader(images, schedule, restriction=other)


@pytest.mark.parametrize("form", ["nested", "independent"])
def test_the_sum_of_a_pyramid_made_by_injection_telescopes(form, tmp_path, photograph):
    """Where all samples are the same, it is the finest level's gradient.

    Restricted by averaging, they would be others than those that begin on a coarse level.
    """
    Image.fromarray(photograph(0, (32, 32))).save(tmp_path / "0.png")
    images = image_pyramid(tmp_path, GRIDS, restriction="injection", **QUIET)
    weight = torch.ones((), requires_grad=True)

    def losses(batch):
        return weight * batch["clean"].square().mean((1, 2, 3))

    (step,) = ScheduledLoader(images, multiscale(GRIDS, 1, (4, 2, 1), form))
    step.backward(losses)
    assert weight.grad.item() == pytest.approx(losses(step.batches[2]).item(), rel=1e-5)


def test_the_same_name_comes_before_one_with_a_scale(pairs):
    """A companion whose own name ends like a scale is not taken for another's."""
    gt, lq = pairs(2)
    for folder in (gt, lq):
        (folder / "01.png").rename(folder / "00x2.png")
    images = image_pyramid(gt, GridHierarchy((48, 48), 3), low=lq, **QUIET)
    for k in range(5):
        block = torch.nn.functional.avg_pool2d(images[k]["clean"], 2)
        assert (block - images[k]["low"]).abs().max() < 2 / 255


@pytest.mark.parametrize(
    ("images", "low", "says"),
    [
        (["a/0.png", "b/0.png"], ["c/0.png"], "2 images of the name '0': a/0.png, b/0.png; needs"),
        (["a/0.png"], ["c/0.png", "d/0.png"], "2 companions of the name '0': c/0.png, d/0.png"),
        (["a/0.png"], ["c/0.png", "c/0.jpg"], "2 companions of the name '0': c/0.png, c/0.jpg"),
        (["a/0.png", "a/0.tif"], ["c/0.png"], "2 images of the name '0'"),
        (["a/0.png"], ["c/0x2.png", "c/0_x4.png"], "2 companions of the name '0': c/0x2.png"),
        (["a/0.png"], ["c/0.png", "c/0x2.png"], "1 image without a companion .* as c/0x2.png"),
        (["a/0.png", "a/0x2.png"], ["c/0x2.png"], "1 image without a companion .* as a/0.png"),
        ([], [], "image_pyramid: no images"),
    ],
)
def test_names_that_leave_a_choice_are_refused(images, low, says):
    with pytest.raises(ValueError, match=says):
        image_pyramid(images, GRIDS, low=low, **QUIET)


def test_subfolders_are_part_of_a_name(pairs):
    gt, lq = pairs(2)
    for folder in (gt, lq):
        (folder / "more").mkdir()
        (folder / "01.png").rename(folder / "more" / "00.png")
    assert len(image_pyramid(gt, GridHierarchy((48, 48), 3), low=lq, **QUIET)) == 5


def test_the_scale_is_that_of_the_first_pair_that_can_be_used(pairs):
    gt, lq = pairs(2)
    grids = GridHierarchy((48, 48), levels=3)
    (lq / "00.png").write_text("not an image")
    with pytest.raises(OSError, match=r"00\.png: can't be read"):
        image_pyramid(gt, grids, low=lq, **QUIET)
    with pytest.warns(UserWarning, match=r"skipped .*00\.png"):
        images = image_pyramid(gt, grids, low=lq, bad_images="skip", **QUIET)
    assert len(images) == 4
    assert images[0]["clean"].shape[-1] == 2 * images[0]["low"].shape[-1]
    for file in lq.iterdir():
        file.write_text("not an image")
    with pytest.raises(ValueError, match=r"none of 5 pairs can be used; of the first: .*00\.png"):
        image_pyramid(gt, grids, low=lq, bad_images="skip", **QUIET)


def test_sizes_that_companions_can_not_have_are_refused_before_training(pairs):
    gt, lq = pairs(2)
    pyramid = image_pyramid(gt, GRIDS, low=lq, **QUIET)
    odd = Schedule(pyramid.grids, (Stage(2, pyramid.grids.levels - 1, (2,), shape=(17, 17)),))
    with pytest.raises(ValueError, match="17×17 pixels, and companions 2 times smaller; needs"):
        ScheduledLoader(pyramid, odd)


@pytest.mark.parametrize("wrong", [{"grids": (32, 32)}, {"dtype": "float32"}])
def test_grids_and_types_of_another_kind_are_refused(wrong):
    with pytest.raises(TypeError, match=r"image_pyramid: (grids|dtype)=.*; needs"):
        image_pyramid(["a.png"], **{"grids": GRIDS} | wrong, **QUIET)
