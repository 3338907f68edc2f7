"""Metrics in closed form, and beside the programs that the field trusts."""

import math

import pytest
import torch

from telegrad.evaluation import metrics
from telegrad.evaluation.metrics import METRICS, check_metrics, metrics_of


def images(side=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    clean = torch.rand(1, 3, side, side, generator=generator, dtype=torch.float64)
    noise = torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    return (clean + 0.1 * noise).clamp(0, 1), clean


@pytest.mark.parametrize("error", [1 / 255, 0.01, 0.1])
def test_a_constant_error_has_a_known_psnr(error):
    clean = torch.full((1, 3, 16, 16), 0.5, dtype=torch.float64)
    assert METRICS["psnr"].value(clean + error, clean).item() == pytest.approx(
        -20 * math.log10(error)
    )


def test_equals_have_the_best_values():
    _, clean = images()
    assert METRICS["psnr"].value(clean, clean).item() == math.inf
    assert METRICS["ssim"].value(clean, clean).item() == pytest.approx(1)
    assert METRICS["mse"].value(clean, clean).item() == 0


def test_ssim_is_that_of_torchmetrics_where_the_window_fits():
    from torchmetrics.functional.image import structural_similarity_index_measure

    noisy, clean = images()
    mirrored, full = structural_similarity_index_measure(
        noisy, clean, sigma=1.5, data_range=1.0, return_full_image=True
    )
    ours = METRICS["ssim"].value(noisy, clean).item()
    assert ours == pytest.approx(full[..., 5:-5, 5:-5].mean().item(), abs=1e-9)
    assert 1e-4 < abs(ours - mirrored.item()) < 2e-2  # its mean is over mirrored borders as well


def test_ssim_of_a_constant_shift_is_the_luminance_term():
    a, b, c1 = 0.4, 0.6, 0.01**2
    one, other = (torch.full((1, 1, 16, 16), v, dtype=torch.float64) for v in (a, b))
    expected = (2 * a * b + c1) / (a * a + b * b + c1)
    assert METRICS["ssim"].value(one, other).item() == pytest.approx(expected)


@pytest.mark.parametrize("name", sorted(METRICS.keys() - {"lpips", "dists"}))  # need weights
def test_every_metric_is_computed_from_its_smallest_size_on(name):
    metric = METRICS[name]
    for height, width in ((metric.smallest, 200), (200, metric.smallest)):
        noisy, clean = (pair[..., :height, :width] for pair in images(side=200))
        assert math.isfinite(metric.value(noisy, clean).item())
        if metric.smallest > 1:
            smaller = [image[..., : height - 1, : width - 1] for image in (noisy, clean)]
            with pytest.raises(ValueError):
                metric.value(*smaller)


def test_every_metric_without_weights_is_found_computable():
    check_metrics([metric for name, metric in METRICS.items() if name not in ("lpips", "dists")])


@pytest.mark.parametrize(
    ("names", "says"),
    [(["psrn"], "did you mean psnr"), ([], "one or more"), (["psnr", "psnr"], "each once")],
)
def test_names_that_can_not_be_are_refused(names, says):
    with pytest.raises(ValueError, match=says):
        metrics_of(names)


def test_a_metric_whose_weights_can_not_be_had_is_refused_in_one_line(monkeypatch):
    def no_weights(*_):
        raise OSError("no server\nand more")

    metric = metrics.Metric("lpips", no_weights, "")
    with pytest.raises(ValueError, match="lpips can't be computed here") as refused:
        check_metrics([metric])
    assert len(str(refused.value).splitlines()) == 1
    check_metrics([METRICS["psnr"], METRICS["ssim"], METRICS["mse"]])
