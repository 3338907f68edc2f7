"""Lengths are meant on a finest level, which a task is put on."""

import pytest

from telegrad.tasks import PaperDeblurring, PaperDenoising, PaperInpainting, PaperSuperResolution

SIZE = (64, 48)
SIZED = [PaperDeblurring, PaperInpainting]


@pytest.mark.parametrize("kind", SIZED)
def test_a_task_at_a_size_is_the_same_but_for_it(kind):
    task = kind(t_max=0.5, level_rule="pixel")
    sized = task.at_size(SIZE)
    assert (task.finest, sized.finest) == (None, SIZE)
    assert (sized.t_max, sized.level_rule) == (0.5, "pixel")
    assert sized == task.at_size(SIZE) == task.at_size((8, 8)).at_size(list(SIZE)) != task
    assert hash(sized) == hash(task.at_size(SIZE))
    assert len({task, sized, task.at_size(SIZE), task.at_size((8, 8))}) == 3


@pytest.mark.parametrize("kind", SIZED)
@pytest.mark.parametrize("size", [(64,), (0, 64), (64, -1), (3, 64, 64)])
def test_a_size_is_height_and_width(kind, size):
    with pytest.raises(ValueError, match=r"at_size: got .*needs \(height, width\) in pixels"):
        kind().at_size(size)


@pytest.mark.parametrize("kind", SIZED)
def test_the_size_is_no_argument(kind):
    with pytest.raises(TypeError, match="finest"):
        kind(finest=SIZE)


@pytest.mark.parametrize(
    "task", [PaperDeblurring(level_rule="physical"), PaperInpainting(level_rule="pixel")], ids=repr
)
def test_without_a_size_a_length_means_nothing(task, photographs, generator):
    draw = task.draw(photographs(2), generator)
    with pytest.raises(ValueError, match=r"needs the size of the finest level: task.at_size"):
        task.observe(draw)
    assert task.at_size((64, 64)).observe(draw).shape == (2, 3, 64, 64)


@pytest.mark.parametrize(
    "task", [PaperDeblurring(level_rule="pixel"), PaperInpainting(level_rule="physical")], ids=repr
)
def test_rules_without_lengths_need_no_size(task, photographs, generator):
    assert task.observe(task.draw(photographs(2), generator)).shape == (2, 3, 64, 64)


def test_default_rules():
    assert (PaperDeblurring().rule, PaperInpainting().rule) == ("pixel", "physical")
    assert PaperDeblurring(level_rule="physical").rule == "physical"
    assert PaperInpainting(level_rule="pixel").rule == "pixel"


@pytest.mark.parametrize("kind", SIZED)
def test_patches_have_the_finest_level_s_pixels(kind):
    assert (
        kind().for_patches() == kind(level_rule="pixel").for_patches() == kind(level_rule="pixel")
    )
    assert kind().at_size(SIZE).for_patches() == kind().for_patches().at_size(SIZE)
    with pytest.raises(ValueError, match=r"patches have .*use level_rule=pixel, or leave it out"):
        kind(level_rule="physical").for_patches()


@pytest.mark.parametrize("task", [PaperDenoising(), PaperSuperResolution()], ids=repr)
def test_tasks_without_lengths_stay_themselves(task):
    assert task.at_size(SIZE) is task.for_patches() is task
