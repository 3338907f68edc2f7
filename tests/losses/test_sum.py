import pytest
import torch

from telegrad.losses import FFT, L1, PSNR, SSIM, Charbonnier, Sum


def test_it_is_the_weighted_sum_of_its_terms(pair):
    expected = 2 * L1()(*pair) + 0.1 * FFT()(*pair)
    torch.testing.assert_close(Sum(terms={"L1": 2, "fft": 0.1})(*pair), expected)


def test_terms_with_arguments_and_classes_of_torch(pair):
    terms = [
        {"class_path": "telegrad.losses.Charbonnier", "init_args": {"epsilon": 0.1}, "weight": 0.5},
        {"class_path": "torch.nn.L1Loss", "init_args": {"reduction": "none"}},
    ]
    expected = 0.5 * Charbonnier(epsilon=0.1)(*pair) + L1()(*pair)
    torch.testing.assert_close(Sum(terms=terms)(*pair), expected)


def test_sums_of_sums(pair):
    inner = {"class_path": "Sum", "init_args": {"terms": {"L1": 1.0}}, "weight": 3.0}
    torch.testing.assert_close(Sum(terms=[inner])(*pair), 3 * L1()(*pair))


def test_all_terms_have_the_range_of_the_sum(pair):
    loss = Sum(terms={"SSIM": 1.0, "PSNR": 1.0, "L1": 1.0}).for_range(1.0)
    expected = SSIM(data_range=1.0)(*pair) + PSNR(data_range=1.0)(*pair) + L1()(*pair)
    torch.testing.assert_close(loss(*pair), expected)
    own = [{"class_path": "SSIM", "init_args": {"data_range": 4.0}}]
    kept = Sum(terms=own).for_range(1.0)
    torch.testing.assert_close(kept(*pair), SSIM(data_range=4.0)(*pair))


def test_a_mean_over_all_samples_is_refused(pair):
    with pytest.raises(ValueError, match="L1Loss: returned .* reduction='none'"):
        Sum(terms={"torch.nn.L1Loss": 1.0})(*pair)


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ({}, "no terms; needs one or more, such as"),
        ({"L3": 1.0}, "loss L3: no such name. Losses: FFT, L1"),
        ({"Charbonier": 1.0}, "no such name; did you mean Charbonnier"),
        ({"L1": 0.0}, "the weight of L1 is 0.0; needs one above 0"),
        ({"L1": float("nan")}, "the weight of L1 is nan"),
        ({"L1": True}, "the weight of L1 is True"),
        ({"L1": "1"}, "the weight of L1 is '1'"),
        ({"Loss": 1.0}, "loss Loss: no such name"),
        ({"os.system": 1.0}, "needs a class derived from telegrad.losses.Loss or torch.nn.Module"),
        ({"builtins.dict": 1.0}, "needs a class derived from"),
        ({"torch.optim.Adam": 1.0}, "needs a class derived from"),
        ({"no_such_module.Loss": 1.0}, "can't be imported"),
        ({"not a path.x": 1.0}, "can't be imported"),
        ([{"weight": 1.0}], "needs class_path"),
        ([{"class_path": "L1", "wieght": 1.0}], "needs class_path"),
        ([{"class_path": 3}], "loss 3: needs the name of a loss"),
        ([{"class_path": "L1", "init_args": 3}], "init_args=3; needs arguments by name"),
        ([{"class_path": "L1", "init_args": {"x": 1}}], "unexpected keyword argument 'x'"),
        ([{"class_path": "PSNR", "init_args": {"epsilon": 0}}], "epsilon=0: needs"),
        (["L1"], "terms=..L1..: needs values by name or a list"),
        ("L1", "terms='L1': needs values by name or a list"),
    ],
)
def test_what_is_no_loss_is_refused_and_nothing_else_is_called(terms, says):
    with pytest.raises(ValueError, match=says):
        Sum(terms=terms)
