"""Muon: orthogonal steps of matrices, AdamW's of all else, and torch's own where that has them."""

import copy

import pytest
import torch
from describe import changed, described
from torch import nn

from telegrad.optimizers import Muon, recorded
from telegrad.optimizers.orthogonal import RMS, is_matrix, orthogonal, orthogonal_updates
from telegrad.optimizers.recorded import recorded_updates
from telegrad.runs import run
from telegrad.training.checkpoint import read_checkpoint

ON_GPU = torch.cuda.is_available()
DEVICE = "cuda" if ON_GPU else "cpu"


def a_network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.GroupNorm(2, 8),
        nn.Conv2d(8, 16, 1),
        nn.Conv2d(16, 3, 3, padding=1),
    )


def gradients_of(network, seed):
    torch.manual_seed(seed)
    images = torch.rand(2, 3, 8, 8).to(next(network.parameters()).device)
    network.zero_grad()
    (network(images) - images).square().mean().backward()


@pytest.mark.parametrize("shape", [(8, 72), (72, 8), (16, 16), (4, 8)])
def test_an_orthogonal_matrix_has_the_same_directions_and_lengths_near_one(shape):
    torch.manual_seed(0)
    matrices = torch.randn(5, *shape, dtype=torch.float64)
    u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
    made = orthogonal(matrices, 5)
    lengths = u.mT @ made @ vh.mT
    diagonal = lengths.diagonal(dim1=-2, dim2=-1)
    if shape != (16, 16):  # a square matrix may have singular values near 0, which stay small
        assert diagonal.min() > 0.6 and diagonal.max() < 1.3
    assert (lengths - torch.diag_embed(diagonal)).abs().max() < 1e-6
    assert not orthogonal(torch.zeros(2, *shape), 5).any()


def test_a_step_is_as_long_in_every_direction_whatever_the_gradient():
    weight = nn.Parameter(torch.zeros(8, 4, 3, 3))
    optimizer = Muon([weight], lr=0.5, weight_decay=0.0)
    torch.manual_seed(0)
    weight.grad = torch.randn_like(weight) * torch.logspace(-6, 0, 8).view(-1, 1, 1, 1)
    optimizer.step()
    longest = torch.linalg.svdvals(weight.detach().flatten(1))[0]
    assert longest == pytest.approx(0.5 * RMS * 36**0.5, rel=0.3)


def test_matrices_are_those_of_dense_layers_that_are_large_enough():
    network = a_network()
    found = [name for name, p in network.named_parameters() if is_matrix(p)]
    assert found == ["0.weight", "3.weight"]
    assert is_matrix(nn.Linear(8, 4).weight)
    assert not is_matrix(torch.zeros(225, 6))  # biases of relative positions
    assert not is_matrix(torch.zeros(8, 8, 3, 3, dtype=torch.complex64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_what_is_no_matrix_is_trained_as_by_adamw(dtype):
    torch.manual_seed(0)
    start = torch.randn(8, dtype=dtype)
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    options = {"lr": 0.01, "weight_decay": 0.1, "betas": (0.9, 0.95), "eps": 1e-8}
    own = Muon([ours], adamw=1.0, **options)
    other = torch.optim.AdamW([theirs], **options)
    for _ in range(5):
        ours.grad = torch.randn(8, dtype=dtype)
        theirs.grad = ours.grad.clone()
        own.step()
        other.step()
    assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-7)
    assert not torch.allclose(ours, start, atol=1e-3)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="needs torch 2.9")
@pytest.mark.parametrize("shape", [(8, 72), (32, 8)])
def test_a_matrix_is_trained_as_by_torch(shape):
    torch.manual_seed(0)
    ours, theirs = nn.Parameter(torch.randn(shape)), nn.Parameter(torch.zeros(shape))
    theirs.data.copy_(ours.data)
    start = ours.detach().clone()
    options = {"lr": 0.01, "momentum": 0.95, "weight_decay": 0.1}
    own = Muon([ours], iterations=5, **options)
    other = torch.optim.Muon([theirs], ns_steps=5, adjust_lr_fn="match_rms_adamw", **options)
    for step in range(4):
        torch.manual_seed(step)
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        own.step()
        other.step()
    moved = (theirs - start).norm()
    assert (ours - theirs).norm() < 0.02 * moved  # theirs multiplies in bfloat16


def test_weights_of_a_shape_don_t_change_each_other():
    torch.manual_seed(0)
    together = [nn.Parameter(torch.randn(8, 8, 3, 3)) for _ in range(3)]
    alone = [copy.deepcopy(p) for p in together]
    gradients = [torch.randn(8, 8, 3, 3) for _ in range(3)]
    for p, g in zip([*together, *alone], gradients * 2, strict=True):
        p.grad = g
    Muon(together, lr=0.1).step()
    for p in alone:
        Muon([p], lr=0.1).step()
    for p, q in zip(together, alone, strict=True):
        assert torch.allclose(p, q, atol=1e-6)


def test_it_goes_on_as_if_it_had_not_been_stopped():
    whole, stopped = a_network(), a_network()
    first, second = Muon(whole.parameters()), Muon(stopped.parameters())
    for step in range(6):
        if step == 3:
            state = copy.deepcopy(second.state_dict())
            second = Muon(stopped.parameters())
            second.load_state_dict(state)
        for network, optimizer in ((whole, first), (stopped, second)):
            gradients_of(network, step)
            optimizer.step()
    for own, other in zip(whole.parameters(), stopped.parameters(), strict=True):
        assert torch.equal(own, other)


class StandIn:
    """As `recorded_updates`, without a GPU: updates lie where the next replay puts others."""

    def __init__(self):
        self.recorded = []

    def __call__(self, directions, iterations):
        lie_in = [x.clone() for x in orthogonal_updates(directions, iterations)]
        self.recorded.append([tuple(x.shape) for x in directions])

        def replayed(directions):
            for lies, new in zip(lie_in, orthogonal_updates(directions, iterations), strict=True):
                lies.copy_(new)
            return lie_in

        return replayed


class Counted(StandIn):
    """The real one, on a GPU."""

    def __call__(self, directions, iterations):
        self.recorded.append([tuple(x.shape) for x in directions])
        return recorded_updates(directions, iterations)


@pytest.fixture
def recorder(monkeypatch):
    one = Counted() if ON_GPU else StandIn()
    monkeypatch.setattr(recorded, "recorded_updates", one)
    if not ON_GPU:
        monkeypatch.setattr(recorded, "_on_one_gpu", lambda tensors: True)
    return one


def trained(recorded_ones):
    """The weights after steps in which one of them has no gradient now and then, and a copy's."""
    network = a_network().to(DEVICE)
    optimizer = Muon(network.parameters())
    if not recorded_ones:
        optimizer.orthogonal_updates = orthogonal_updates
    for step in range(6):
        gradients_of(network, step)
        if step % 3 == 1:
            network[3].weight.grad = None
        optimizer.step()
    pair = copy.deepcopy([network, optimizer])
    if not recorded_ones:
        pair[1].orthogonal_updates = orthogonal_updates
    gradients_of(network, 7)
    gradients_of(pair[0], 8)
    optimizer.step()
    pair[1].step()
    return [p.detach().cpu() for n in (network, pair[0]) for p in n.parameters()]


def test_recorded_updates_train_as_others(recorder):
    expected = trained(recorded_ones=False)
    assert not recorder.recorded
    assert all(
        torch.allclose(a, b, atol=1e-6) for a, b in zip(trained(True), expected, strict=True)
    )
    both, one = [(8, 3, 3, 3), (16, 8, 1, 1)], [(8, 3, 3, 3)]
    assert recorder.recorded == [both, one, both]  # the last is of the copy


def test_a_state_that_is_put_back_is_no_reason_to_record_again(recorder):
    network = a_network().to(DEVICE)
    optimizer = Muon(network.parameters())
    for step in range(3):
        gradients_of(network, step)
        optimizer.step()
        optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert len(recorder.recorded) == 1


def test_where_there_is_no_memory_for_it_nothing_is_recorded(recorder, monkeypatch):
    def has_none(directions, iterations):
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB")

    expected = trained(recorded_ones=False)
    monkeypatch.setattr(recorded, "recorded_updates", has_none)
    with pytest.warns(UserWarning, match="Muon: updates .* longer: CUDA out of memory.$"):
        found = trained(True)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.skipif(ON_GPU, reason="is about machines without a GPU")
def test_nothing_is_recorded_without_a_gpu(monkeypatch):
    monkeypatch.setattr(recorded, "recorded_updates", None)
    trained(recorded_ones=True)


def test_weights_without_a_gradient_stay():
    network = a_network()
    gradients_of(network, 0)
    network[3].weight.grad = network[0].bias.grad = None
    before = copy.deepcopy(network.state_dict())
    Muon(network.parameters()).step()
    changes = {k for k, v in network.state_dict().items() if not torch.equal(v, before[k])}
    assert changes == set(before) - {"3.weight", "0.bias"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"lr": -1.0}, "lr=-1.0; needs a number of at least 0"),
        ({"lr": float("nan")}, "lr=nan"),
        ({"momentum": 1.0}, r"momentum=1.0; needs a number in \[0, 1\)"),
        ({"betas": (0.9, 1.0)}, r"betas\[1\]=1.0"),
        ({"eps": 0.0}, "eps=0.0; needs a number above 0"),
        ({"adamw": float("inf")}, "adamw=inf"),
        ({"iterations": 0}, "iterations=0; needs a whole number from 1 on"),
    ],
)
def test_numbers_out_of_range_are_refused(options, says):
    with pytest.raises(ValueError, match=f"Muon: {says}"):
        Muon(a_network().parameters(), **options)


def test_a_run_takes_it_by_name_and_is_made_again_alike(tmp_path):
    whole = described(
        task="denoising",
        optimizer="telegrad.optimizers.Muon",
        strategy="single",
        network="GatedUNet",
        channels=4,
        size=32,
        steps=12,
        validations=3,
        images=4,
        device="cpu",
        out=str(tmp_path / "whole"),
    )
    report = run(whole)
    assert "telegrad.optimizers.Muon" in report.files.path.joinpath("config.yaml").read_text()
    again = run(changed(whole, out=str(tmp_path / "again")))
    one, other = (read_checkpoint(r.files.best)["model_state_dict"] for r in (report, again))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="needs torch 2.9")
def test_who_names_torch_s_is_told_of_the_one_that_takes_convolutions(tmp_path):
    config = described(task="denoising", optimizer="Muon", device="cpu", out=str(tmp_path))
    with pytest.raises(ValueError, match=r"2D.*--optimizer telegrad\.optimizers\.Muon"):
        run(config)
