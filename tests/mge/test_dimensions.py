"""The theorems hold on lines, in the plane and in space, in cells and on nodes."""

import pytest
import torch
from torch import nn

from telegrad import (
    GridHierarchy,
    ScheduledLoader,
    Shells,
    level_statistics,
    multiscale_backward,
    restrict,
    work_units,
)
from telegrad.mge.restriction import full_weighting
from telegrad.schedules import auto, cascadic, progressive_resizing

CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
MESHES = {
    "line": GridHierarchy((32,), 3),
    "plane": GridHierarchy((16, 8), 3),
    "space": GridHierarchy((8, 16, 8), 3),
    "video": GridHierarchy((5, 16, 8), 3, fixed=(0,)),
    "nodes of a line": GridHierarchy((33,), 3, nodes=True),
    "nodes of a plane": GridHierarchy((17, 9), 3, nodes=True),
    "measured": GridHierarchy((16, 8), 3, measured=(1, 2, 10)),
}
RULE = {name: "full_weighting" if grids.nodes else "averaging" for name, grids in MESHES.items()}
every_mesh = pytest.mark.parametrize("name", MESHES)


def fields(grids, n, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(n, 2, *grids.finest, generator=draw, dtype=torch.float64)


def problem(grids):
    """A network, and losses that sum to nothing across samples."""
    torch.manual_seed(0)
    layer = CONV[len(grids.finest)]
    net = nn.Sequential(layer(2, 3, 3, padding=1), nn.Tanh(), layer(3, 2, 3, padding=1)).double()
    return net, lambda u: (net(u) - u).square().flatten(1).mean(1)


def gradient(net):
    flat = torch.cat([p.grad.flatten() for p in net.parameters()])
    net.zero_grad()
    return flat


def on_level(batch, grids, level, rule):
    for _ in range(grids.levels - 1 - level):
        batch = restrict(batch, rule, grids)
    return batch


@every_mesh
@pytest.mark.parametrize("form", ["nested", "independent"])
def test_equal_samples_telescope_to_the_finest_gradient(name, form):
    grids, rule = MESHES[name], RULE[name]
    net, losses = problem(grids)
    batch = fields(grids, 1).repeat(
        9 if form == "independent" else 4, *[1] * (1 + len(grids.finest))
    )
    multiscale_backward(losses, batch, grids, (4, 3, 2), form=form, restriction=rule)
    telescoped = gradient(net)
    losses(batch[:1]).mean().backward()
    torch.testing.assert_close(telescoped, gradient(net))


@every_mesh
def test_the_mean_over_all_choices_of_samples_is_the_finest_gradient(name):
    """Of three samples, as all 6 orders: the nested sum 3/2/1 is unbiased over them."""
    grids, rule = MESHES[name], RULE[name]
    net, losses = problem(grids)
    batch = fields(grids, 3)
    orders = torch.cartesian_prod(*[torch.arange(3)] * 3)
    orders = [o for o in orders if len(set(o.tolist())) == 3]
    total = 0
    for order in orders:
        multiscale_backward(losses, batch[order], grids, (3, 2, 1), restriction=rule)
        total = total + gradient(net)
    losses(batch).mean().backward()
    torch.testing.assert_close(total / len(orders), gradient(net))


@every_mesh
def test_the_sum_is_that_of_gradients_taken_one_by_one(name):
    grids, rule = MESHES[name], RULE[name]
    net, losses = problem(grids)
    batch = fields(grids, 4)
    estimate = multiscale_backward(losses, batch, grids, (4, 2, 1), restriction=rule)
    summed = gradient(net)
    expected = 0
    for level, (n, n_finer) in enumerate(((4, 2), (2, 1), (1, 0))):
        u = on_level(batch, grids, level, rule)
        assert u.shape[2:] == grids.shape(level)
        losses(u[:n]).mean().backward()
        expected = expected + gradient(net)
        if n_finer:
            losses(u[:n_finer]).mean().backward()
            expected = expected - gradient(net)
    torch.testing.assert_close(summed, expected)
    assert estimate.work_units == pytest.approx(work_units((4, 2, 1), costs=grids.costs))


def test_work_units_by_hand():
    assert MESHES["line"].costs == (1 / 4, 1 / 2, 1)
    assert MESHES["plane"].costs == (1 / 16, 1 / 4, 1)
    assert MESHES["space"].costs == (1 / 64, 1 / 8, 1)
    assert MESHES["video"].costs == (1 / 16, 1 / 4, 1)
    assert MESHES["nodes of a plane"].costs == (1 / 16, 1 / 4, 1)
    assert MESHES["measured"].costs == (0.1, 0.2, 1)
    sizes = (8, 4, 2)
    by_hand = {"line": 6, "plane": 3.5, "space": 8 / 64 + 4 / 8 + 2, "measured": 0.8 + 0.8 + 2}
    for name, work in by_hand.items():
        assert work_units(sizes, costs=MESHES[name].costs) == pytest.approx(work)
        assert cascadic(MESHES[name], (10, 10, 10), sizes).work_units == pytest.approx(10 * work)
    assert work_units(sizes, "independent", costs=MESHES["line"].costs) == 2 + 3 + 3


@every_mesh
def test_a_part_of_a_hierarchy_keeps_shapes_costs_and_widths(name):
    grids = MESHES[name]
    part = grids.between(0, 1)
    assert [part.shape(k) for k in range(2)] == [grids.shape(k) for k in range(2)]
    assert part.costs == pytest.approx(grids.costs[:2])
    assert [part.mesh_width(k) for k in range(2)] == [4, 2]
    assert grids.between(0, 2) == grids
    assert "×".join(map(str, grids.finest)) in repr(grids)


@pytest.mark.parametrize("finest", [(2**18,), (512, 512), (64, 64, 64)])
def test_white_noise_stays_white(finest):
    d, grids = len(finest), GridHierarchy(finest, 2)
    fine = torch.randn(1, 1, *finest, generator=torch.Generator().manual_seed(d))
    coarse = restrict(fine, "white_noise", grids)
    error = 5 / coarse.numel() ** 0.5
    assert abs(coarse.mean()) < error
    assert abs(coarse.var() - 1) < 2**0.5 * error
    for axis in range(d):
        assert abs((coarse * coarse.roll(1, 2 + axis)).mean()) < error
    corner = restrict(fine, "injection", grids)
    assert abs((coarse * corner).mean() - 2 ** (-d / 2)) < 1.5 * error
    averaged = restrict(fine, "averaging", grids)
    torch.testing.assert_close(coarse, 2 ** (d / 2) * averaged)


def test_fixed_axes_are_left_alone_by_every_rule():
    grids = MESHES["video"]
    film = torch.rand(2, 3, 5, 16, 8, generator=torch.Generator().manual_seed(0))
    for rule in ("averaging", "injection", "white_noise"):
        frames = [restrict(film[:, :, t], rule) for t in range(5)]
        torch.testing.assert_close(restrict(film, rule, grids), torch.stack(frames, dim=2))
    masks = (film > 0.5).byte()
    frames = [restrict(masks[:, :, t], "mask") for t in range(5)]
    assert torch.equal(restrict(masks, "mask", grids), torch.stack(frames, dim=2))


@pytest.mark.parametrize("rule", ["averaging", "white_noise", "injection"])
def test_complex_fields_are_restricted_in_both_parts(rule):
    for name in ("line", "plane", "video"):
        u = torch.complex(fields(MESHES[name], 2), fields(MESHES[name], 2, seed=1))
        coarse = restrict(u, rule, MESHES[name])
        assert coarse.is_complex()
        torch.testing.assert_close(coarse.real, restrict(u.real, rule, MESHES[name]))
        torch.testing.assert_close(coarse.imag, restrict(u.imag, rule, MESHES[name]))


def test_complex_weights_have_the_same_telescoping_gradient():
    """As in a Fourier neural operator: of equal samples the sum is the finest gradient."""
    grids = MESHES["line"]
    weight = torch.randn(3, dtype=torch.cdouble, requires_grad=True)

    def losses(u):
        waves = torch.fft.rfft(u, norm="forward")
        low = torch.cat([waves[..., :3] * weight, torch.zeros_like(waves[..., 3:])], -1)
        return torch.fft.irfft(low, u.shape[-1], norm="forward").sub(u).square().mean((1, 2))

    batch = fields(grids, 1).repeat(4, 1, 1)
    multiscale_backward(losses, batch, grids, (4, 3, 2))
    telescoped, weight.grad = weight.grad, None
    losses(batch[:1]).mean().backward()
    torch.testing.assert_close(telescoped, weight.grad)
    statistics = level_statistics(losses, fields(grids, 8), grids, [weight], timing=0)
    assert statistics.parameters == 3 and statistics.variance[-1] > 0


def test_full_weighting_keeps_straight_lines_and_takes_away_the_fastest_wave():
    x = torch.linspace(-1, 2, 33, dtype=torch.float64)
    torch.testing.assert_close(full_weighting(x, (2,)), x[::2])
    plane = 3 * x[:9, None] - x[None, :17] + 1
    torch.testing.assert_close(full_weighting(plane, (2, 2)), plane[::2, ::2])
    wave = (-1.0) ** torch.arange(33)
    assert full_weighting(wave, (2,))[1:-1].abs().max() == 0
    assert full_weighting(torch.ones(3), (2,)).tolist() == [1, 1]
    both = full_weighting(full_weighting(plane.exp(), (2, 1)), (1, 2))
    torch.testing.assert_close(full_weighting(plane.exp(), (2, 2)), both)


def test_rules_that_do_not_suit_the_mesh_are_refused_with_those_that_do():
    nodes, cells = MESHES["nodes of a line"], MESHES["line"]
    net, losses = problem(nodes)
    for call in (
        lambda: multiscale_backward(losses, fields(nodes, 4), nodes, (4, 2, 1)),
        lambda: level_statistics(losses, fields(nodes, 4), nodes, net.parameters()),
        lambda: restrict(fields(nodes, 4), "white_noise", nodes),
    ):
        with pytest.raises(ValueError, match="is for cells, and the grids have nodes; use 'full_w"):
            call()
    with pytest.raises(ValueError, match="is for nodes, and the grids have cells; use 'averaging'"):
        restrict(fields(cells, 1), "full_weighting", cells)
    with pytest.raises(ValueError, match="length must be odd, and 3 or more"):
        restrict(torch.zeros(1, 1, 32), "injection", nodes)
    with pytest.raises(ValueError, match="length must be even"):
        restrict(torch.zeros(1, 1, 33), "averaging", cells)


def test_a_batch_of_another_dimension_is_refused():
    _, losses = problem(MESHES["plane"])
    volumes = torch.rand(4, 2, 8, 16, 8)
    with pytest.raises(
        ValueError, match=r"For volumes: GridHierarchy\(finest=\(depth, height, wid"
    ):
        multiscale_backward(losses, volumes, MESHES["plane"], (4, 2, 1))
    with pytest.raises(
        ValueError, match=r"volumes of 8×16×4 where level 2 .* 8×16×8.*\(depth, hei"
    ):
        multiscale_backward(losses, volumes[..., :4], MESHES["space"], (4, 2, 1))
    with pytest.raises(ValueError, match=r"For images: GridHierarchy\(finest=\(height, width\)"):
        multiscale_backward(losses, torch.rand(4, 2, 8, 32), MESHES["line"], (4, 2, 1))


@every_mesh
def test_statistics_of_a_mesh(name):
    grids = MESHES[name]
    net, losses = problem(grids)
    statistics = level_statistics(
        losses, fields(grids, 8), grids, net.parameters(), restriction=RULE[name], timing=0
    )
    assert statistics.work_units == pytest.approx(grids.costs)
    assert "×".join(map(str, grids.finest)) in str(statistics)


@every_mesh
def test_a_schedule_s_batches_lie_on_its_levels(name):
    """From samples that are larger than the schedule, with a smaller one beside each."""
    grids, rule = MESHES[name], RULE[name]
    larger = tuple(n + 8 for n in grids.finest)

    class Pairs:
        def __len__(self):
            return 6

        def __getitem__(self, k):
            place = torch.cartesian_prod(*[torch.arange(n) for n in larger]).double()
            whole = place.reshape(*larger, -1).movedim(-1, 0)
            whole = whole[None] if whole.ndim == len(larger) else whole
            whole = whole if whole.ndim > len(larger) else whole[None]
            if grids.nodes:
                return {"clean": whole, "name": str(k)}
            low = restrict(whole[None], "averaging", grids)[0]
            return {"clean": whole, "low": low, "name": str(k)}

    schedule = cascadic(grids, (2, 2, 2), (4, 2, 1))
    levels = []
    for step in ScheduledLoader(Pairs(), schedule, restriction=rule):
        levels.append(step.level)
        batch = step.batch
        assert batch["clean"].shape[2:] == grids.shape(step.level)
        assert len(batch["name"]) == len(batch["clean"]) == (4, 2, 1)[step.level]
        if "low" in batch:  # the same part of the scene
            coarse = restrict(batch["clean"], "averaging", grids)
            torch.testing.assert_close(batch["low"], coarse)
    assert levels == [0, 0, 1, 1, 2, 2]


def test_schedules_of_every_dimension_spend_their_budget():
    for name, grids in MESHES.items():
        assert auto(grids, budget=900).work_units == pytest.approx(900, rel=0.02), name
        if not grids.nodes:
            resized = progressive_resizing(grids, steps=60, increment=1)
            assert resized.steps == 60, name
    with pytest.raises(ValueError, match="progressive_resizing: grids of nodes; needs cells"):
        progressive_resizing(MESHES["nodes of a line"])


def test_shells_on_a_line_train_a_network():
    grids = MESHES["line"]
    net, losses = problem(grids)
    parts = [
        on_level(fields(grids, n), grids, level, "averaging") for level, n in enumerate((2, 1, 1))
    ]
    estimate = multiscale_backward(losses, Shells(parts), grids, (4, 2, 1))
    assert estimate.work_units == 4 / 4 + 2 / 2 + 1
    assert gradient(net).isfinite().all()
