"""Costs and weights counted by hand."""

import pytest

from telegrad.mge.weights import (
    check_batch_sizes,
    geometric_batch_sizes,
    level_coefficients,
    nested_weights,
    work_units,
)


def test_work_units_counted_by_hand():
    # Independent: 128/64 + 64 (1/16 + 1/64) + 32 (1/4 + 1/16) + 16 (1 + 1/4) = 2 + 5 + 10 + 20.
    assert work_units((128, 64, 32, 16), "independent") == 37
    # Nested: 128/64 + 64/16 + 32/4 + 16 = 2 + 4 + 8 + 16.
    assert work_units((128, 64, 32, 16), "nested") == 30
    assert work_units((5,)) == work_units((5,), "independent") == 5
    assert work_units((8, 2), finest_cost=1 / 4) == 8 / 16 + 2 / 4


def test_a_level_with_as_many_samples_as_the_next_finer_one_costs_nothing_in_nested_form():
    assert work_units((16, 16, 16, 16)) == 16
    assert work_units((32, 8, 8)) == 32 / 16 + 8


def test_nested_weights_sum_to_zero_on_carried_draws_plus_shell_and_telescope_to_one():
    sizes, alphas = (40, 12, 5, 2), (0.6, 0.8, 0.9)
    coefficient = level_coefficients(4, alphas)
    assert coefficient == pytest.approx((0.6 * 0.8 * 0.9, 0.8 * 0.9, 0.9, 1))
    for level, (carried, shell) in enumerate(nested_weights(sizes, alphas)):
        finer = sizes[level + 1] if level < 3 else 0
        total = finer * carried + (sizes[level] - finer) * shell
        # Σ_i w_{l,i} = A_l (1 − 1) below the finest level, where it is 1: no bias for any α.
        assert total == pytest.approx(1.0 if level == 3 else 0.0)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: check_batch_sizes((4, 8), 2), r"8 on level 1 but only 4 .* did you mean \(8, 4\)"),
        (lambda: check_batch_sizes((8, 4), 3), "got 2 for 3 levels"),
        (lambda: check_batch_sizes((8, 0), 2), "at least 1"),
        (lambda: check_batch_sizes((8,), 1, "mlmc"), "needs one of nested, independent"),
        (lambda: nested_weights((8, 4), (1.0, 1.0)), "needs α_1 … α_L"),
    ],
)
def test_wrong_sizes_and_coefficients_are_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_sizes_that_grow_towards_the_finest_level_are_allowed_in_independent_form():
    check_batch_sizes((4, 8), 2, "independent")
    assert geometric_batch_sizes(levels=3, finest=4, ratio=1) == (4, 4, 4)
