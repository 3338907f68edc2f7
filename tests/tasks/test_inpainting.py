import numpy as np
import pytest
import torch
from PIL import Image

from telegrad import restrict
from telegrad.mge.restriction import injection
from telegrad.tasks import Inpainting, PaperInpainting

SIZE = (64, 64)


@pytest.fixture
def images(photographs):
    """Photographs (4, 3, 64, 64) in [0, 1], nowhere black."""
    return (photographs(4) + 1) / 2 * 0.9 + 0.1


@pytest.fixture
def folder(tmp_path):
    """Two masks: 90×80 of random pixels, and 64×64 with a black left half."""
    random = np.random.default_rng(0).integers(0, 256, (90, 80), np.uint8)
    Image.fromarray(random).save(tmp_path / "a.png")
    half = np.full((64, 64), 255, np.uint8)
    half[:, :32] = 0
    Image.fromarray(half).save(tmp_path / "b.png")
    return tmp_path


def seeded(seed=7):
    return torch.Generator().manual_seed(seed)


def coarser(task, draw):
    return restrict(draw, {key: rule for key, rule in task.rules.items() if key in draw})


@pytest.mark.parametrize("holes", ["boxes", "pixels"])
def test_holes_are_black_in_all_channels_and_nothing_else_is_touched(holes, images):
    task = Inpainting(holes=holes)
    draw = task.draw(images, seeded())
    observed, known = task.observe(draw), task.known(draw)
    assert known.shape == (4, 1, *SIZE) and known.dtype == torch.bool
    assert torch.equal(observed, known * images)
    assert (observed == 0).any()


def test_noise_is_in_known_pixels_alone(images):
    task = Inpainting(noise=10)
    draw = task.draw(images, seeded())
    observed, known = task.observe(draw), task.known(draw).expand_as(images)
    assert (observed[~known] == 0).all()
    error = 255 * (observed - images)[known]
    assert error.std().item() == pytest.approx(10, rel=0.05)
    assert "noise" not in Inpainting().draw(images, seeded())


def test_boxes_are_those_of_the_paper_s_task(images):
    task, paper = Inpainting(boxes=5, sides=(0.1, 0.3)), PaperInpainting(boxes=5, sides=(0.1, 0.3))
    draw = task.draw(images, seeded())
    assert draw["centers"].shape == draw["sides"].shape == (4, 5, 2)
    for _ in range(3):
        assert torch.equal(task.known(draw), paper.known(draw).bool())
        draw = coarser(task, draw)
    assert draw["sides"].min() >= 0.1 and draw["sides"].max() <= 0.3


def test_pixels_are_missing_with_the_probability_that_was_asked_for(images):
    many = torch.ones(50, 3, *SIZE)
    draw = Inpainting(holes="pixels", missing=0.3).draw(many, seeded())
    assert draw["known"].float().mean().item() == pytest.approx(0.7, abs=0.01)
    draw = Inpainting(holes="pixels", missing="0.1..0.9").draw(many, seeded())
    parts = draw["known"].float().mean((1, 2, 3))
    assert parts.min() < 0.2 and parts.max() > 0.8
    assert parts.mean().item() == pytest.approx(0.5, abs=0.1)
    assert Inpainting(holes="pixels", missing=0).known(draw).shape == (50, 1, *SIZE)


def test_missing_pixels_stay_independent_and_as_many_on_coarse_levels():
    """Injection of an i.i.d. field is i.i.d.: as a draw that is made there."""
    task = Inpainting(holes="pixels", missing=0.7)
    draw = task.draw(torch.ones(200, 1, *SIZE), seeded())
    for _ in range(2):
        draw = coarser(task, draw)
        known = draw["known"].float() - 0.3
        assert known.mean().abs() < 0.005
        for neighbours in (
            known[..., 1:] * known[..., :-1],
            known[..., 1:, :] * known[..., :-1, :],
        ):
            assert neighbours.mean().abs() < 0.005
    per_image = task.known(draw).float().sum((1, 2, 3))
    assert per_image.var().item() == pytest.approx(256 * 0.3 * 0.7, rel=0.25)


def test_pieces_of_masks_are_injected_on_every_level(folder, images):
    task = Inpainting(holes="folder", masks=str(folder)).at_size(SIZE)
    draw = task.draw(images, seeded())
    known = task.known(draw)
    assert torch.equal(task.observe(draw), known * images)
    for _ in range(3):
        draw, known = coarser(task, draw), injection(known)
        assert torch.equal(task.known(draw), known)


def test_a_draw_on_a_coarse_level_is_the_restricted_one(folder, images):
    """The same places in the same masks, whatever the level; so the distribution is the same."""
    task = Inpainting(holes="folder", masks=str(folder)).at_size(SIZE)
    restricted = coarser(task, coarser(task, task.draw(images, seeded())))
    there = task.draw(restricted["clean"], seeded())
    assert torch.equal(task.observe(restricted), task.observe(there))
    boxes = Inpainting()
    restricted = coarser(boxes, boxes.draw(images, seeded()))
    there = boxes.draw(restricted["clean"], seeded())
    assert torch.equal(boxes.observe(restricted), boxes.observe(there))


def test_masks_are_cut_everywhere(folder):
    (folder / "b.png").unlink()
    task = Inpainting(holes="folder", masks=str(folder)).at_size(SIZE)
    whole = np.array(Image.open(folder / "a.png")) >= 128
    pieces = task.draw(torch.ones(2000, 1, 8, 8), seeded())["piece"][:, 0].numpy()
    # Each piece is one of the 27 × 17, and all of them come up.
    found = {piece.tobytes() for piece in pieces}
    cuts = [whole[i : i + 64, j : j + 64].copy().tobytes() for i in range(27) for j in range(17)]
    assert found <= set(cuts)
    assert len(found) > 0.95 * len(cuts)


def test_white_is_known(folder):
    (folder / "a.png").unlink()
    task = Inpainting(holes="folder", masks=str(folder)).at_size(SIZE)
    known = task.known(task.draw(torch.ones(1, 3, *SIZE), seeded()))
    assert not known[..., :32].any() and known[..., 32:].all()


def test_by_the_pixel_rule_a_level_sees_the_middle_of_a_piece(folder, images):
    task = Inpainting(holes="folder", masks=str(folder)).at_size(SIZE).for_patches()
    assert task.rule == "pixel"
    patch = images[..., :16, :16]
    draw = task.draw(patch, seeded())
    assert torch.equal(task.known(draw), draw["piece"][..., 24:40, 24:40])


def test_masks_that_are_smaller_are_refused_by_name(folder):
    task = Inpainting(holes="folder", masks=str(folder))
    with pytest.raises(ValueError, match=r"masks: b.png \(64×64\): smaller than images of 72×72"):
        task.at_size((72, 72))
    with pytest.raises(ValueError, match=r"a.png \(90×80\), b.png \(64×64\): smaller"):
        task.at_size((96, 96))
    assert list(task.at_size(SIZE).files) == ["a.png", "b.png"]
    (folder / "c.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"mask .*c.png: can't be read"):
        task.at_size(SIZE)


def test_without_a_size_masks_can_not_be_cut(folder, images):
    task = Inpainting(holes="folder", masks=str(folder))
    with pytest.raises(ValueError, match=r"needs the size of the finest level: task.at_size"):
        task.draw(images, seeded())
    small = task.at_size((32, 32))
    with pytest.raises(ValueError, match=r"images of 64×64, and masks of 32×32; needs .*at_size"):
        small.observe(small.draw(images, seeded()))


@pytest.mark.parametrize(("size", "boxes"), [(64, 8), (32, 2), (16, 1)])
def test_patches_have_boxes_of_the_same_pixels_and_as_many_fewer_as_they_are_smaller(size, boxes):
    task = Inpainting(boxes=8, sides=(0.25, 0.25)).at_size(SIZE).for_patches()
    draw = task.draw(torch.ones(20, 3, size, size), seeded())
    kept = {"centers": draw["centers"][:, :boxes], "sides": draw["sides"][:, :boxes] * 64 / size}
    alone = Inpainting(boxes=boxes, sides=(0.25, 0.25)).known({"clean": draw["clean"], **kept})
    assert torch.equal(task.known(draw), alone)
    assert (~alone).sum((1, 2, 3)).max() <= boxes * 16**2


def test_patches_pose_the_same_problem_where_pixels_are_missing():
    assert Inpainting(holes="pixels").pixelwise
    assert not Inpainting().pixelwise


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"holes": "lines"}, "needs one of boxes, pixels, folder"),
        ({"boxes": 0}, "needs 1 or more"),
        ({"sides": (0.5, 0.25)}, "the least side of a box first, then the largest"),
        ({"sides": (0.5,)}, "needs 2 numbers"),
        ({"holes": "pixels", "missing": 1.5}, "missing=1.5: needs numbers between 0 and 1"),
        ({"missing": 0.5}, "missing=0.5: belongs to holes=pixels, and this is holes=boxes"),
        ({"holes": "pixels", "boxes": 2}, "boxes=2: belongs to holes=boxes"),
        ({"masks": "m"}, "masks='m': belongs to holes=folder"),
        ({"holes": "folder"}, "holes=folder: needs the folder of your masks; say --masks DIR"),
        ({"holes": "folder", "masks": "none_here"}, "masks=none_here: there is no such folder"),
        ({"noise": -1}, "needs 0 or more"),
    ],
)
def test_impossible_holes_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        Inpainting(**options)


def test_a_folder_without_masks_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"masks=.*: there are no images in it; needs a folder"):
        Inpainting(holes="folder", masks=str(tmp_path))


def test_sides_in_a_list_are_sides():
    assert Inpainting(sides=[0.1, 0.2]) == Inpainting(sides=(0.1, 0.2))
    assert hash(Inpainting(sides=[0.1, 0.2])) == hash(Inpainting(sides=(0.1, 0.2)))
