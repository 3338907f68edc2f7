"""The stream of crops: seeded, resumable, fair to all images."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from telegrad.data import NamedImage
from telegrad.data.pyramid import build_pyramid, resized
from telegrad.data.stream import CropStream, NumpyDraws, grid_of_crops
from telegrad.loading.picks import Picks
from telegrad.mge.grids import GridHierarchy
from telegrad.schedules import Schedule, Stage, cascadic, multiscale, progressive_resizing

GRIDS = GridHierarchy((32, 32), levels=3)


def test_two_halves_of_a_run_joined_by_the_state_give_the_same_batches(pyramid):
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


def test_shapes_types_and_levels_of_a_batch(pyramid):
    stream = CropStream(pyramid(), seed=0)
    middle, finest = (part["clean"] for part in stream.take((4, 2), first_level=1))
    assert middle.shape == (4, 3, 16, 16)
    assert finest.shape == (2, 3, 32, 32)
    assert middle.dtype == torch.uint8
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


def test_each_image_serves_once_before_any_serves_again_whatever_the_batch_sizes(pyramid):
    stages = tuple(Stage(1, 0, (n,)) for n in (3, 4, 1, 2, 7, 3))
    steps = list(Picks(5, Schedule(GRIDS, stages), NumpyDraws(1)))
    served = [pick.sample for picks in steps for pick in picks]
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


def test_crops_come_as_they_are_on_their_level_and_are_resized_on_the_device(pyramid):
    schedule = progressive_resizing(GRIDS, steps=10, batch_size=2)
    (crops,) = CropStream(pyramid(), 0).of_step(schedule, 5)
    assert schedule.at(5)[1].shape == (20, 20)
    assert crops["clean"].shape == (2, 3, 32, 32)


def test_another_seed_gives_other_crops(pyramid):
    images = pyramid()
    (a,), (b,) = (CropStream(images, seed).take((6,)) for seed in (0, 1))
    assert not torch.equal(a["clean"], b["clean"])


def test_evaluation_crops_are_the_same_every_time_and_cover_all_images(pyramid):
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


@pytest.mark.parametrize("workers", [0, 2])
def test_the_crops_of_a_schedule_s_steps_are_those_taken_one_by_one(pyramid, workers):
    """Also by workers, of two processes, with patches, and where the schedule changes."""
    images = pyramid()
    schedule = replace(cascadic(GRIDS, (3, 2, 2), (4, 2, 2)), patches=0.5)
    loading = {"num_workers": workers}
    one_by_one, stream = CropStream(images, 3), CropStream(images, 3, loading=loading)
    for step in range(5):
        _, stage = schedule.at(step)
        (expected,) = one_by_one.take(stage.batch_sizes, stage.coarsest, patches=0.5)
        (got,) = stream.of_step(schedule, step)
        assert torch.equal(got["clean"], expected["clean"])
        assert got["clean"].is_contiguous(memory_format=torch.channels_last)
        assert stream.position == one_by_one.position
    summed = multiscale(GRIDS, 9, (4, 2, 2))  # another schedule, in the middle
    for expected, got in zip(
        one_by_one.take((2, 0, 2), rank=1, world=2), stream.of_step(summed, 0, 1, 2), strict=True
    ):
        assert (got is None and expected is None) or torch.equal(got["clean"], expected["clean"])
    stream.position = 0  # resumed
    (first,) = stream.of_step(schedule, 0)
    assert torch.equal(first["clean"], CropStream(images, 3).take((4,), patches=0.5)[0]["clean"])


def test_a_stream_is_for_the_levels_of_its_pyramid(pyramid):
    other = cascadic(GridHierarchy((32, 32), 2), (1, 1), (1, 1))
    with pytest.raises(ValueError, match="3 levels up to 32×32, the schedule 2 up to 32×32"):
        CropStream(pyramid(), 0).of_step(other, 0)
