import pytest
import torch

from telegrad.mge.restriction import RESTRICTIONS, averaging, injection, mask, restrict, white_noise


def test_restricted_white_noise_is_white_has_unit_variance_and_half_correlation_with_the_fine():
    fine = torch.randn(64, 1, 128, 128, generator=torch.Generator().manual_seed(0))
    coarse = white_noise(fine)
    pixels = coarse.numel()
    five_sigma = 5 / pixels**0.5
    assert abs(coarse.mean()) < five_sigma
    assert abs(coarse.var() - 1) < five_sigma * 2**0.5
    for neighbour in (coarse.roll(1, -1), coarse.roll(1, -2), coarse.roll((1, 1), (-1, -2))):
        assert abs((coarse * neighbour).mean()) < five_sigma
    for corner in (fine[..., ::2, ::2], fine[..., 1::2, ::2], fine[..., 1::2, 1::2]):
        assert abs((coarse * corner).mean() - 0.5) < five_sigma * 1.5
    twice = white_noise(coarse)
    assert abs(twice.var() - 1) < 2 * five_sigma * 2**0.5


def test_averaging_keeps_the_mean_and_halves_the_deviation_of_noise():
    fine = torch.randn(16, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    coarse = averaging(fine)
    torch.testing.assert_close(coarse.mean((2, 3)), fine.mean((2, 3)))
    assert abs(coarse.std() - 0.5) < 0.01


def test_injection_takes_every_second_pixel():
    u = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert injection(u).flatten().tolist() == [0, 2, 8, 10]


def test_a_mask_stays_a_mask_of_its_type_with_ties_counted_as_one():
    fine = torch.tensor([[1, 1, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]])[None, None]
    for dtype in (torch.bool, torch.uint8, torch.float32):
        coarse = mask(fine.to(dtype))
        assert coarse.dtype == dtype
        assert coarse.int().flatten().tolist() == [1, 0, 1, 0]


def test_each_field_of_a_batch_is_restricted_by_its_own_rule():
    z = torch.randn(2, 1, 4, 4)
    batch = {
        "image": z,
        "noise": z,
        "label": torch.tensor([3, 4]),
        "map": torch.ones(2, 1, 4, 4).int(),
    }
    coarse = restrict(batch, {"noise": "white_noise", "map": lambda u: u[..., 1::2, 1::2]})
    torch.testing.assert_close(coarse["noise"], 2 * coarse["image"])
    assert coarse["label"].tolist() == [3, 4]
    assert coarse["map"].shape == (2, 1, 2, 2)


def test_tuples_keep_their_type_and_are_named_by_index():
    image, label = torch.randn(2, 3, 8, 8), torch.tensor([0, 1])
    coarse = restrict((image, label), {0: "injection"})
    assert isinstance(coarse, tuple)
    assert torch.equal(coarse[0], injection(image))
    assert coarse[1] is label


def test_errors_of_restrict_give_the_way_out():
    with pytest.raises(ValueError, match="no rule 'bicubic'; rules are averaging, injection"):
        restrict(torch.zeros(1, 1, 4, 4), "bicubic")
    with pytest.raises(ValueError, match="'x' of shape .* must be even"):
        restrict({"x": torch.zeros(1, 1, 5, 4)})
    with pytest.raises(TypeError, match="'y' of type torch.int64 can't be averaged"):
        restrict({"y": torch.zeros(1, 1, 4, 4, dtype=torch.int64)})
    with pytest.raises(TypeError, match="got a str under 'name'"):
        restrict({"name": "lena"})


def test_every_rule_has_a_name():
    assert set(RESTRICTIONS) == set(
        ("averaging", "injection", "white_noise", "mask", "full_weighting", "unchanged")
    )


@pytest.mark.parametrize("batch", [{"clean": torch.rand(2, 3, 8, 8)}, torch.rand(2, 3, 8, 8)])
def test_a_rule_for_a_field_that_there_is_not_is_refused(batch):
    with pytest.raises(ValueError, match="restrict: restriction has a rule for 'noise', and"):
        restrict(batch, {"noise": "white_noise"})


def nested():
    return (torch.ones(2, 3, 8, 8), torch.rand(2, 1, 8, 8).round()), 0.3 * torch.ones(2, 3, 8, 8)


@pytest.mark.parametrize("path", [(0, 1), "0.1"])
def test_in_a_nested_batch_a_rule_may_name_the_whole_path(path):
    (image, holes), target = restrict(nested(), {path: "mask"})
    assert set(holes.unique().tolist()) <= {0.0, 1.0}
    torch.testing.assert_close(target, 0.3 * torch.ones(2, 3, 4, 4))
    torch.testing.assert_close(image, torch.ones(2, 3, 4, 4))


def test_the_whole_path_goes_before_the_key_alone():
    batch = {"low": {"z": torch.ones(2, 3, 8, 8)}, "high": {"z": torch.ones(2, 3, 8, 8)}}
    coarse = restrict(batch, {"z": "white_noise", "low.z": "averaging"})
    torch.testing.assert_close(coarse["low"]["z"], torch.ones(2, 3, 4, 4))
    torch.testing.assert_close(coarse["high"]["z"], 2 * torch.ones(2, 3, 4, 4))


def test_an_index_of_several_fields_is_refused():
    with pytest.raises(ValueError, match=r"1, an index of several fields: \(0, 1\), \(1,\)"):
        restrict(nested(), {1: "mask"})
    restrict(nested(), {(1,): "injection"})
