import torch
import torch.nn.functional as F

from telegrad.evaluation.ensemble import self_ensemble

IMAGES = torch.rand(1, 3, 12, 18, generator=torch.Generator().manual_seed(0))


def test_of_a_function_that_symmetries_commute_with_it_is_the_function():
    def blur(x):
        return F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), 3, 1)

    def larger(x):
        return F.interpolate(x, scale_factor=2, mode="nearest")

    for function in (blur, larger):
        torch.testing.assert_close(self_ensemble(function, IMAGES), function(IMAGES))


def test_it_makes_any_function_commute_with_a_quarter_turn_and_a_flip():
    def shifted(x):
        return x.roll((1, 2), (-2, -1)) * x

    for turn in (lambda x: x.rot90(1, (-2, -1)), lambda x: x.flip(-1)):
        after, before = turn(self_ensemble(shifted, IMAGES)), self_ensemble(shifted, turn(IMAGES))
        torch.testing.assert_close(after, before)
