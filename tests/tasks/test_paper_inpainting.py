from dataclasses import replace

import pytest
import torch

from telegrad import restrict
from telegrad.mge.restriction import averaging
from telegrad.tasks import PaperInpainting

SIZE = (64, 64)


def test_boxes_are_blanked_and_nothing_else(generator):
    task = PaperInpainting(boxes=1, sides=(0.25, 0.25))
    draw = task.draw(torch.ones(200, 3, *SIZE), generator)
    known = task.known(draw)
    assert set(known.unique().tolist()) == {0, 1}
    draw["time"][:] = 0
    assert torch.equal(task.observe(draw), known.expand(-1, 3, -1, -1))
    whole = (draw["centers"] > 0.125).all(-1) & (draw["centers"] < 0.875).all(-1)
    covered = (known == 0).sum((1, 2, 3))[whole[:, 0]]
    assert covered.min() >= 15**2
    assert covered.max() <= 17**2


def test_every_draw_has_boxes_of_its_own(photographs, generator):
    known = PaperInpainting().known(PaperInpainting().draw(photographs(8), generator))
    assert len({k.numpy().tobytes() for k in known}) == 8
    missing = 1 - known.mean((1, 2, 3))
    assert (missing > 0.01).all()
    assert (missing < 0.2).all()


def test_physical_boxes_cover_the_same_scene_on_every_level(photographs, generator):
    task = PaperInpainting()
    draw = task.draw(photographs(50), generator)
    fine = task.known(draw)
    for _ in range(2):
        draw = restrict(draw, task.rules)
        fine = averaging(fine)
        inner = (fine == 0) | (fine == 1)  # pixels that no edge of a box crosses
        assert torch.equal(task.known(draw)[inner], fine[inner])


def test_pixel_boxes_have_the_same_size_in_pixels_on_every_level(generator):
    task = PaperInpainting(boxes=1, sides=(0.125, 0.125), level_rule="pixel").at_size(SIZE)
    draw = task.draw(torch.ones(30, 3, *SIZE), generator)
    draw["centers"][:] = 0.5
    sizes = []
    for _ in range(2):
        sizes.append((task.known(draw) == 0).sum((1, 2, 3)).unique().tolist())
        draw = restrict(draw, task.rules)
    assert sizes == [[64], [64]]


def test_on_the_finest_level_both_rules_are_one(photographs, generator):
    physical = PaperInpainting(level_rule="physical")
    draw = physical.draw(photographs(8), generator)
    pixel = replace(physical, level_rule="pixel").at_size(SIZE)
    assert torch.equal(physical.known(draw), pixel.known(draw))


def test_sides_in_a_list_are_sides():
    assert PaperInpainting(sides=[0.1, 0.2]) == PaperInpainting(sides=(0.1, 0.2))
    assert hash(PaperInpainting(sides=[0.1, 0.2])) == hash(PaperInpainting(sides=(0.1, 0.2)))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"boxes": 0}, "needs 1 or more"),
        ({"boxes": 1.5}, "needs a whole number"),
        ({"boxes": 1001}, "needs at most 1,000"),
        ({"sides": (0.5, 0.25)}, "the least side of a box first, then the largest"),
        ({"sides": (0.0, 0.25)}, "above 0 and at most 1 each"),
        ({"sides": (0.5, 1.25)}, "above 0 and at most 1 each"),
        ({"sides": (0.5,)}, "needs 2 numbers"),
        ({"level_rule": "exact"}, "needs one of physical, pixel"),
    ],
)
def test_impossible_boxes_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        PaperInpainting(**options)
