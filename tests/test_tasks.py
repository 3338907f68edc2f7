"""Each task is the same problem on every level, and its operator is what it says."""

import math

import pytest
import torch
import torch.nn.functional as F
from torchmetrics.image import StructuralSimilarityIndexMeasure

from telegrad import restrict
from telegrad.mge.restriction import averaging
from telegrad.tasks import TASKS, Deblurring, Inpainting, SuperResolution, similarity
from telegrad.tasks.deblurring import gaussian_blur

SIZE = (64, 64)


def generator():
    return torch.Generator().manual_seed(7)


def photographs(n, size=64, seed=0):
    """Smooth images with edges, in [−1, 1]."""
    coarse = torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return F.interpolate(coarse, (size, size), mode="nearest") * 0.5 + 0.5 * F.interpolate(
        coarse, (size, size), mode="bilinear"
    )


def make(name, **options):
    kind = TASKS[name]
    return kind(finest=SIZE, **options) if name in ("deblurring", "inpainting") else kind(**options)


@pytest.mark.parametrize("name", TASKS)
def test_a_draw_can_be_observed_and_restored_on_every_level(name):
    task = make(name)
    draw = task.draw(photographs(3), generator())
    while min(draw["clean"].shape[-2:]) >= max(8, task.smallest):
        observed = task.observe(draw)
        assert observed.shape == draw["clean"].shape

        def network(x, t=None):
            return x

        losses = task.losses(network, draw)
        assert losses.shape == (3,)
        assert losses.isfinite().all()
        assert torch.equal(task.restore(network, draw), observed)
        draw = restrict(draw, task.restriction)


@pytest.mark.parametrize("name", TASKS)
def test_perfect_images_have_the_least_loss(name):
    task = make(name)
    draw = task.draw(photographs(2), generator())

    def oracle(x, t=None):
        return draw["clean"]

    best = task.losses(oracle, draw)
    assert best.tolist() == pytest.approx([-1.0] * 2 if name == "superresolution" else [0.0] * 2)
    assert (task.losses(lambda x, t=None: 0 * x, draw) > best).all()


# --- deblurring -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(32, 32), (17, 24)])
def test_the_blur_is_its_own_adjoint_and_keeps_the_mean(shape):
    x, y = torch.randn(2, 4, 3, *shape, generator=generator(), dtype=torch.float64)
    sigma = (3.0, 1.5)
    ax, ay = gaussian_blur(x, sigma), gaussian_blur(y, sigma)
    assert (ax * y).sum().item() == pytest.approx((x * ay).sum().item(), rel=1e-12)
    torch.testing.assert_close(ax.mean((2, 3)), x.mean((2, 3)))


def test_the_blur_of_a_point_is_the_gaussian():
    point = torch.zeros(1, 1, 64, 64, dtype=torch.float64)
    point[..., 32, 32] = 1
    found = gaussian_blur(point, (3.0, 2.0))[0, 0]
    d = torch.arange(64) - 32.0
    exact = torch.exp(-(d[:, None] ** 2) / 18 - d**2 / 8) / (2 * math.pi * 6)
    torch.testing.assert_close(found, exact.double(), atol=1e-6, rtol=0)


def test_no_blur_is_the_identity():
    x = photographs(1)
    torch.testing.assert_close(gaussian_blur(x, (0.0, 0.0)), x)


def test_level_rules_of_the_blur():
    pixel, physical = Deblurring(SIZE), Deblurring(SIZE, level_rule="physical")
    assert pixel.sigma_on((16, 16)) == pixel.sigma_on(SIZE) == physical.sigma_on(SIZE) == (3, 3)
    assert physical.sigma_on((16, 16)) == (0.75, 0.75)
    # Physical: blurring, then averaging is nearly averaging, then blurring by half as much.
    x = gaussian_blur(photographs(2).double(), (1.0, 1.0))
    coarse_of_blurred = averaging(gaussian_blur(x, (3.0, 3.0)))
    blurred_coarse = gaussian_blur(averaging(x), physical.sigma_on((32, 32)))
    assert (coarse_of_blurred - blurred_coarse).abs().max() < 0.01


# --- inpainting -----------------------------------------------------------------------------------


def test_boxes_are_blanked_and_nothing_else():
    task = Inpainting(SIZE, boxes=1, sides=(0.25, 0.25))
    draw = task.draw(torch.ones(200, 3, *SIZE), generator())
    known = task.known(draw)
    assert set(known.unique().tolist()) == {0, 1}
    draw["time"][:] = 0
    assert torch.equal(task.observe(draw), known.expand(-1, 3, -1, -1))
    whole = (draw["centers"] > 0.125).all(-1) & (draw["centers"] < 0.875).all(-1)
    covered = (known == 0).sum((1, 2, 3))[whole[:, 0]]
    assert covered.min() >= 15**2
    assert covered.max() <= 17**2


def test_every_draw_has_boxes_of_its_own():
    known = Inpainting(SIZE).known(Inpainting(SIZE).draw(photographs(8), generator()))
    assert len({k.numpy().tobytes() for k in known}) == 8
    missing = 1 - known.mean((1, 2, 3))
    assert (missing > 0.01).all()
    assert (missing < 0.2).all()


def test_physical_boxes_cover_the_same_scene_on_every_level():
    task = Inpainting(SIZE)
    draw = task.draw(photographs(50), generator())
    fine = task.known(draw)
    for _ in range(2):
        draw = restrict(draw, task.restriction)
        fine = averaging(fine)
        inner = (fine == 0) | (fine == 1)  # pixels that no edge of a box crosses
        assert torch.equal(task.known(draw)[inner], fine[inner])


def test_pixel_boxes_have_the_same_size_in_pixels_on_every_level():
    task = Inpainting(SIZE, boxes=1, sides=(0.125, 0.125), level_rule="pixel")
    draw = task.draw(torch.ones(30, 3, *SIZE), generator())
    draw["centers"][:] = 0.5
    sizes = []
    for _ in range(2):
        sizes.append((task.known(draw) == 0).sum((1, 2, 3)).unique().tolist())
        draw = restrict(draw, task.restriction)
    assert sizes == [[64], [64]]


# --- super-resolution -----------------------------------------------------------------------------


def test_the_low_image_has_half_the_size_and_is_restricted_with_the_high_one():
    task = SuperResolution()
    draw = task.draw(photographs(2), generator())
    assert draw["low"].shape == (2, 3, 32, 32)
    torch.testing.assert_close(draw["low"], averaging(draw["clean"]))
    coarse = restrict(draw, task.restriction)
    torch.testing.assert_close(coarse["low"], task.draw(coarse["clean"], generator())["low"])


def test_similarity_is_that_of_torchmetrics_per_image():
    clean = photographs(3, seed=1)
    noisy = clean + 0.2 * torch.randn(clean.shape, generator=generator())
    found = similarity(noisy, clean)
    for k in range(3):
        reference = StructuralSimilarityIndexMeasure(data_range=2.0)(
            noisy[k : k + 1], clean[k : k + 1]
        )
        assert found[k].item() == pytest.approx(reference.item(), abs=1e-5)
    assert similarity(clean[:1], clean[:1]).tolist() == pytest.approx([1.0])
    assert similarity(clean[:1], clean[:1]).shape == (1,)


def test_the_loss_has_a_gradient_of_each_image():
    task = SuperResolution()
    draw = task.draw(photographs(2), generator())
    scale = torch.tensor(0.9, requires_grad=True)
    losses = task.losses(lambda x: scale * x, draw)
    (gradient,) = torch.autograd.grad(losses.sum(), scale)
    assert gradient.isfinite() and gradient < 0  # towards a scale of one


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Deblurring(SIZE, sigma=(3.0, -1.0)), "needs two lengths"),
        (lambda: Deblurring(SIZE, level_rule="exact"), "needs physical or pixel"),
        (lambda: Deblurring(SIZE, t_max=0), "needs a time"),
        (lambda: Inpainting(SIZE, boxes=0), "needs 1 or more"),
        (lambda: Inpainting(SIZE, sides=(0.5, 0.25)), "least and a largest side"),
        (lambda: Inpainting(SIZE, level_rule="exact"), "needs physical or pixel"),
    ],
)
def test_impossible_options_are_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
