"""Passes recorded as CUDA graphs: gradients are those of passes as they were.

Without a GPU a recorder stands in that has what is dangerous about graphs: outputs and gradients
lie where the next replay puts others, and what Python does is not repeated.
"""

import copy
import random
import warnings
from types import SimpleNamespace

import pytest
import torch
from describe import changed, described
from torch import nn

from telegrad.mge.coupling import CoupledDropout
from telegrad.runs import build, run
from telegrad.runs.build import records_graphs
from telegrad.training import cuda_graphs
from telegrad.training.cuda_graphs import one_step, record_every_shape, recorded_pass

ON_GPU = torch.cuda.is_available()
DEVICE = "cuda" if ON_GPU else "cpu"


class StandIn:
    """As `recorded_pass`, without a GPU."""

    recording = False

    def __init__(self):
        self.recorded, self.replays = [], 0

    def __call__(self, forward, inputs, weights):
        lies_in = inputs[0].detach().clone()
        state, outer = random.getstate(), self

        def made():
            now = random.getstate()
            random.setstate(state)  # whatever Python drew is in the graph
            try:
                with torch.enable_grad():
                    return forward(lies_in)
            finally:
                random.setstate(now)

        StandIn.recording = True
        try:
            output = forward(lies_in).detach().clone()
        finally:
            StandIn.recording = False
        gradients = [torch.zeros_like(p) for p in weights]
        self.recorded.append(tuple(lies_in.shape))

        class Replay(torch.autograd.Function):
            @staticmethod
            def forward(ctx, image, *weights):
                lies_in.copy_(image)
                output.copy_(made())
                outer.replays += 1
                return output.detach()

            @staticmethod
            def backward(ctx, gradient):
                found = torch.autograd.grad(made(), weights, gradient)
                for lies, new in zip(gradients, found, strict=True):
                    lies.copy_(new)
                return None, *(g.detach() for g in gradients)

        return lambda image: Replay.apply(image, *weights)


class Counted(StandIn):
    """The real one, on a GPU."""

    def __call__(self, forward, inputs, weights):
        replayed = recorded_pass(forward, inputs, weights)
        self.recorded.append(tuple(inputs[0].shape))

        def counts(*images):
            self.replays += 1
            return replayed(*images)

        return counts


@pytest.fixture
def recorder(monkeypatch):
    """What is recorded, and how often it is replayed."""
    one = Counted() if ON_GPU else StandIn()
    monkeypatch.setattr(cuda_graphs, "recorded_pass", one)
    if not ON_GPU:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2, 2))
        monkeypatch.setattr(cuda_graphs, "DEVICE", "cpu")
    return one


def a_network():
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 4, 3, padding=1), nn.GELU(), nn.Conv2d(4, 3, 3, padding=1)
    return nn.Sequential(*layers).to(DEVICE)


def images(n, size):
    generator = torch.Generator().manual_seed(n * size)
    return torch.rand(n, 3, size, size, generator=generator).to(DEVICE)


def a_step(network):
    """What comes out of its one pass."""
    with one_step():
        return network(images(2, 8))


def steps(network, batches_of_steps, recorded):
    """The weights after steps of one backward pass a batch."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    if recorded:
        record_every_shape(network)
    for batches in batches_of_steps:
        optimizer.zero_grad(set_to_none=True)
        with one_step():
            for batch in batches:
                (network(batch) - batch).square().mean().backward()
        optimizer.step()
    return torch.cat([p.detach().flatten() for p in network.parameters()])


@pytest.mark.parametrize(
    "shapes",
    [
        [[(2, 8)]] * 3,
        [[(2, 8)], [(4, 8)], [(2, 8)], [(2, 16)]],
        [[(1, 16), (4, 8)]] * 3,  # a telescoping sum: finest first
        [[(2, 8), (2, 8), (2, 8)]] * 2,  # parts of one pass
    ],
)
def test_recorded_passes_train_as_others(recorder, shapes):
    batches = [[images(n, size) + k for k, (n, size) in enumerate(step)] for step in shapes]
    as_it_was = steps(a_network(), batches, False)
    recorded = steps(a_network(), batches, True)
    assert torch.allclose(recorded, as_it_was, rtol=1e-4, atol=1e-6)
    different = {shape for step in shapes for shape in step}
    assert {(n, size) for n, _, size, _ in recorder.recorded} == different
    assert recorder.replays == len(different) + sum(len(set(step)) for step in shapes)


def test_only_passes_of_steps_are_recorded(recorder):
    network = a_network()
    record_every_shape(network)
    network(images(2, 8))
    with one_step():
        with torch.no_grad():
            network(images(2, 8))
        network.eval()(images(2, 8))
    assert not recorder.recorded


class DrawsInPython(nn.Conv2d):
    def forward(self, x):
        return super().forward(x) * random.random()


def test_a_pass_that_draws_in_python_is_made_as_before(recorder):
    random.seed(0)
    network = DrawsInPython(3, 3, 3).to(DEVICE)
    record_every_shape(network)
    with pytest.warns(UserWarning, match=r"(?s)pass of \(2, 3, 8, 8\) is not recorded.*differs by"):
        a_step(network)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # said once for each shape
        outputs = [a_step(network) for _ in range(2)]
    assert not torch.equal(*outputs)


class Waits(nn.Conv2d):
    """For the GPU, in every pass."""

    def forward(self, x):
        if StandIn.recording:
            raise RuntimeError("waits for the GPU")
        return super().forward(x) * float(x.mean())


def test_a_pass_that_waits_for_the_gpu_is_made_as_before(recorder):
    network = Waits(3, 3, 3).to(DEVICE)
    record_every_shape(network)
    with pytest.warns(UserWarning, match=r"(?s)pass of \(2, 3, 8, 8\) is not recorded"):
        first = a_step(network)
    assert torch.equal(a_step(network), first)
    assert not recorder.replays


def test_recording_leaves_buffers_and_random_numbers_as_they_were(recorder):
    network = nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3)).to(DEVICE)
    as_it_was = copy.deepcopy(network)
    record_every_shape(network)
    drawn = []
    for one in (as_it_was, network):
        torch.manual_seed(7)
        a_step(one)
        drawn.append(torch.rand(3, device=DEVICE))
    assert torch.equal(*drawn)
    if ON_GPU:  # the stand-in computes a pass twice
        for name, buffer in network.named_buffers():
            assert torch.allclose(buffer, as_it_was.get_buffer(name))


def test_a_pass_of_other_weights_is_not_replayed(recorder):
    network = a_network()
    record_every_shape(network)
    a_step(network)
    zeros = {name: torch.zeros_like(p) for name, p in network.named_parameters()}
    replays = recorder.replays
    with one_step():
        assert not torch.func.functional_call(network, zeros, images(2, 8)).any()
    assert recorder.replays == replays


def test_where_memory_is_short_graphs_that_are_not_in_use_make_room(recorder, monkeypatch):
    network = a_network()
    record_every_shape(network)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1, 4))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    for size in (8, 16, 8):
        with one_step():
            network(images(2, size))
    assert [size for _, _, size, _ in recorder.recorded] == [8, 16, 8]


def test_a_pass_that_needs_more_memory_than_there_is_is_made_as_before(recorder, monkeypatch):
    def too_large(*_):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(cuda_graphs, "recorded_pass", too_large)
    network = a_network()
    record_every_shape(network)
    with pytest.warns(UserWarning, match="needs more memory than there is"):
        restored = a_step(network)
    assert restored.shape == (2, 3, 8, 8)


def test_networks_with_coupled_dropout_are_left_alone(recorder):
    network = nn.Sequential(nn.Conv2d(3, 3, 3), CoupledDropout(0.5)).to(DEVICE)
    record_every_shape(network)
    a_step(network)
    assert not recorder.recorded


def test_a_copy_has_its_own_passes(recorder):
    network = a_network()
    record_every_shape(network)
    a_step(network)
    other = copy.deepcopy(network)
    with torch.no_grad():
        for p in other.parameters():
            p.zero_()
    assert not a_step(other).any()
    assert a_step(network).any()


@pytest.fixture
def recipe(tmp_path):
    return described(
        task="denoising",
        strategy="single",
        network="GatedUNet",
        size=64,
        steps=40,
        validations=2,
        images=8,
        device=DEVICE,
        out=str(tmp_path / "results"),
    )


def test_it_is_refused_where_it_can_not_be(recipe):
    with pytest.raises(ValueError, match="cuda_graphs=True: needs one process on a CUDA GPU"):
        run(changed(recipe, device="cpu", **{"runtime.cuda_graphs": True}))
    with pytest.raises(ValueError, match="compile=True, cuda_graphs=True"):
        changed(recipe, compile=True, **{"runtime.cuda_graphs": True})


def test_masks_of_the_cpu_are_said_where_graphs_were_asked_for(recipe):
    config = changed(recipe, network="UNet", **{"runtime.cuda_graphs": True})
    one_gpu = SimpleNamespace(device=torch.device("cuda"), world_size=1)
    masked = nn.Sequential(nn.Conv2d(3, 3, 3), CoupledDropout(0.5))
    with pytest.raises(
        ValueError, match="UNet has coupled dropout.*set the network's dropout to 0"
    ):
        records_graphs(config, one_gpu, masked)
    assert records_graphs(config, one_gpu, a_network())


HALF = [
    pytest.param(name, marks=pytest.mark.skipif(not ON_GPU, reason="needs a GPU"))
    for name in ("bf16-mixed", "16-mixed")
]


@pytest.mark.parametrize("precision", ["32-true", *HALF])
@pytest.mark.parametrize("strategy", ["single", "multiscale", "race", "cascadic"])
def test_a_run_comes_out_alike(recipe, recorder, monkeypatch, precision, strategy):
    if not ON_GPU:
        monkeypatch.setattr(build, "records_graphs", lambda config, *_: config.runtime.cuda_graphs)
    psnr, replays = [], []
    for graphs in (False, True):
        options = {"runtime.precision": precision, "runtime.cuda_graphs": graphs, "size": 32}
        out = f"{recipe.output.directory}{graphs}"
        report = run(changed(recipe, strategy=strategy, steps=8, levels=2, out=out, **options))
        psnr.append(report.restored.means["psnr"])
        replays.append(recorder.replays)
    assert replays[0] == 0 < replays[1]
    assert psnr[0] == pytest.approx(psnr[1], abs=0.3 if ON_GPU else 1e-3)
