"""A Fourier neural operator for Darcy flow, coarse to fine: −∇·(a ∇u) = f in the unit square.

By finite volumes, u = 0 around it. The same field on a coarser mesh is, of u, the mean of cells; of
a the geometric mean, that is the mean of log a: it lies between the harmonic and the arithmetic one
and is the effective coefficient of both media made here (Matheron, Dykhne). So samples are solved
once, on the finest mesh, and both fields are averaged.
"""

import numpy as np
import torch
from scipy.fft import idctn
from scipy.sparse import diags_array
from scipy.sparse.linalg import splu
from torch import nn

from telegrad import GridHierarchy, ScheduledLoader, WorkLR
from telegrad.schedules import auto


def solve(a, f=20.0):
    """u in the cells of n×n squares of constant a; half cells conduct in series to each face."""
    n, resistance = len(a), np.pad(1 / a, 1)  # none outside
    down = 2 / (resistance[1:, 1:-1] + resistance[:-1, 1:-1])  # through all faces between rows
    right = 2 / (resistance[1:-1, 1:] + resistance[1:-1, :-1])
    out = down[1:] + down[:-1] + right[:, 1:] + right[:, :-1]
    down, right[:, -1] = down[1:-1].ravel(), 0
    bands = [out.ravel(), *2 * [-right[:, 1:].ravel()[:-1]], *2 * [-down]]
    matrix = diags_array(bands, offsets=[0, 1, -1, n, -n], format="csc")
    return splu(matrix, "MMD_AT_PLUS_A").solve(np.full(n * n, f / n**2)).reshape(n, n)


def darcy(kind, number, size, seed):
    """Samples {"log_a", "u"}, (1, size, size) each; a is "smooth", or "rough": of two phases."""
    random, k = np.random.default_rng(seed), np.arange(size)
    amplitude = 1 / (np.pi**2 * (k[:, None] ** 2 + k**2) + 9)
    amplitude[0, 0] = 0
    amplitude *= size / np.sqrt((amplitude**2).sum())  # of a Gaussian field of unit variance
    waves = amplitude * random.standard_normal((number, size, size))
    fields = idctn(waves, axes=(1, 2), norm="ortho")
    logs = fields if kind == "smooth" else 1.5 * np.sign(fields)
    pairs = torch.from_numpy(np.stack([(a, solve(np.exp(a))) for a in logs])).float()
    return [{"log_a": log_a[None], "u": u[None]} for log_a, u in pairs]


class Layer(nn.Module):
    """Multiplies the lowest modes by complex matrices: the same convolution on every mesh."""

    def __init__(self, width, modes):
        super().__init__()
        draw = torch.randn(2 * modes, modes, width, width, dtype=torch.cfloat)
        self.weight, self.modes = nn.Parameter(draw / width), modes
        self.pointwise = nn.Conv2d(width, width, 1)

    def forward(self, x):
        m, (h, w) = self.modes, x.shape[-2:]
        low = torch.fft.fft(torch.fft.rfft(x, norm="forward")[..., :m], dim=-2, norm="forward")
        low = torch.cat([low[:, :, :m], low[:, :, -m:]], 2)
        low = torch.einsum("bixy,xyio->boxy", low, self.weight)
        low = torch.cat([low[:, :, :m], x.new_zeros(*x.shape[:2], h - 2 * m, m), low[:, :, m:]], 2)
        smooth = torch.fft.irfft(torch.fft.ifft(low, dim=-2, norm="forward"), w, norm="forward")
        return nn.functional.gelu(smooth + self.pointwise(x))


class FNO(nn.Sequential):
    def __init__(self, width=16, modes=6, depth=4):
        layers = [Layer(width, modes) for _ in range(depth)]
        super().__init__(nn.Conv2d(3, width, 1), *layers, nn.Conv2d(width, 1, 1))

    def forward(self, log_a):
        centers = [(torch.arange(n) + 0.5) / n for n in log_a.shape[-2:]]
        place = torch.stack(torch.meshgrid(*centers, indexing="ij")).expand(len(log_a), -1, -1, -1)
        return super().forward(torch.cat([log_a, place], 1))


def relative_errors(network, batch):  # on any level: ‖network − u‖/‖u‖ of each sample, (n,)
    difference = network(batch["log_a"]) - batch["u"]
    return difference.flatten(1).norm(dim=1) / batch["u"].flatten(1).norm(dim=1)


if __name__ == "__main__":
    network = FNO()
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    learning_rate, grids = WorkLR(optimizer), GridHierarchy(finest=(32, 32), levels=2)
    for step in ScheduledLoader(darcy("rough", 64, 32, seed=0), auto(grids, budget=40)):
        optimizer.zero_grad(set_to_none=True)
        estimate = step.backward(lambda batch: relative_errors(network, batch))
        optimizer.step()
        learning_rate.step(step)
        if step.number % 20 == 0:
            print(f"{step.progress:4.0%}  level {step.level}  loss {estimate.loss:.3f}")
