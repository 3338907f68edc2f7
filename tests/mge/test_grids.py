import pytest

from telegrad.mge.grids import GridHierarchy


def test_level_zero_is_the_coarsest_and_each_level_costs_four_times_the_one_below():
    grids = GridHierarchy(finest=(96, 64), levels=4)
    assert [grids.shape(level) for level in range(4)] == [(12, 8), (24, 16), (48, 32), (96, 64)]
    assert grids.costs == (1 / 64, 1 / 16, 1 / 4, 1)
    assert [grids.mesh_width(level) for level in range(4)] == [8, 4, 2, 1]


def test_a_part_of_a_hierarchy_keeps_shapes_and_costs():
    grids = GridHierarchy(finest=(64, 64), levels=4)
    part = grids.between(coarsest=1, finest=2)
    assert [part.shape(level) for level in range(2)] == [grids.shape(1), grids.shape(2)]
    assert part.costs == grids.costs[1:3]
    assert grids.between(0, 3) == grids


@pytest.mark.parametrize(
    ("finest", "levels", "says"),
    [
        (
            (100, 100),
            4,
            "100 → 50 → 25 → 12.5); use levels=3, or a size divisible by 8 such as 96 or 104",
        ),
        ((64, 100), 4, "64×100 can't be halved 3 times (100 → 50"),
        ((8, 8), 5, "use levels=4, or a size divisible by 16 such as 16"),
        ((7, 7), 2, "use levels=1, or a size divisible by 2 such as 6 or 8"),
        ((64, 64), 0, "levels=0"),
        ((0, 64), 2, "needs (height, width)"),
    ],
)
def test_sizes_that_cannot_be_halved_are_refused_with_sizes_that_can(finest, levels, says):
    with pytest.raises(ValueError) as error:
        GridHierarchy(finest=finest, levels=levels)
    assert says in str(error.value)


@pytest.mark.parametrize("level", [-1, 4])
def test_a_level_outside_the_hierarchy_is_an_error(level):
    with pytest.raises(ValueError, match="levels are 0 .* to 3"):
        GridHierarchy((64, 64), levels=4).shape(level)
