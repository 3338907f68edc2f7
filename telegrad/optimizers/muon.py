"""Muon: momentum made orthogonal, so that a step is as long in all directions of a matrix."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.adamw import adamw

from telegrad.mge.numbers import is_number, is_whole
from telegrad.optimizers.orthogonal import is_matrix
from telegrad.optimizers.recorded import RecordedUpdates


class Muon(Optimizer):
    """Muon for the weights of convolutions and linear layers, AdamW for all others.

    A convolution's weight (out, in, h, w) is a matrix of (out, in·h·w), and so is any table of
    numbers, such as an embedding. Depthwise convolutions, biases, norms, and matrices with less
    than 4 rows or 8 columns are AdamW's.
    `torch.optim.Muon` takes matrices alone, one after the other; here those of a shape are made
    orthogonal together, and on a GPU all of them as one CUDA graph.

    Args:
        params: as for torch's optimizers.
        lr: learning rate, on AdamW's scale.
        momentum: of the matrices, in [0, 1); Nesterov's.
        weight_decay: decoupled, of all weights.
        iterations: by which matrices are made orthogonal, 1 or more. Jordan et al. take 5; by 3
            our networks trained as well, and an update costs two thirds.
        adamw: learning rate of the others, in parts of `lr`.
        betas, eps: AdamW's.

    >>> network = torch.nn.Conv2d(8, 8, 3)
    >>> optimizer = Muon(network.parameters(), lr=5e-3)
    >>> network(torch.rand(1, 8, 16, 16)).square().mean().backward()
    >>> optimizer.step()

    Raises:
        ValueError: for numbers out of range.

    Source: Jordan et al., *Muon: an optimizer for hidden layers in neural networks*, 2024; Liu et
    al., *Muon is scalable for LLM training*, arXiv:2502.16982, for the length of a step.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 5e-3,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
        iterations: int = 3,
        adamw: float = 0.3,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
    ) -> None:
        parts = {"momentum": momentum, "betas[0]": betas[0], "betas[1]": betas[1]}
        for name, value in parts.items():
            if not (is_number(value) and 0 <= value < 1):
                raise ValueError(f"Muon: {name}={value!r}; needs a number in [0, 1).")
        for name, value in {"lr": lr, "weight_decay": weight_decay, "adamw": adamw}.items():
            if not (is_number(value) and 0 <= value < math.inf):
                raise ValueError(f"Muon: {name}={value!r}; needs a number of at least 0.")
        if not (is_number(eps) and 0 < eps < math.inf):
            raise ValueError(f"Muon: eps={eps!r}; needs a number above 0.")
        if not (is_whole(iterations) and iterations >= 1):
            raise ValueError(f"Muon: iterations={iterations!r}; needs a whole number from 1 on.")
        own = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        own |= {"iterations": iterations, "adamw": adamw, "eps": eps}
        super().__init__(params, {**own, "betas": tuple(betas)})
        self.orthogonal_updates = RecordedUpdates()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if not hasattr(self, "orthogonal_updates"):  # of a copy; torch also loads states by this
            self.orthogonal_updates = RecordedUpdates()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update by the gradients that there are."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            trained = [p for p in group["params"] if p.grad is not None]
            if trained and group["weight_decay"]:
                torch._foreach_mul_(trained, 1 - group["lr"] * group["weight_decay"])
            matrices: list[Tensor] = []
            others: list[Tensor] = []
            for p in trained:
                (matrices if is_matrix(p) else others).append(p)
            if matrices:
                self._orthogonal_step(matrices, group)
            if others:
                self._adamw_step(others, group)
        return loss

    def _orthogonal_step(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        gradients = [p.grad for p in weights if p.grad is not None]
        buffers = [self._state(p, "momentum_buffer") for p in weights]
        torch._foreach_lerp_(buffers, gradients, 1 - group["momentum"])
        ahead = torch._foreach_lerp(gradients, buffers, group["momentum"])
        updates = self.orthogonal_updates(ahead, group["iterations"])
        torch._foreach_add_(weights, updates, alpha=-group["lr"])

    def _adamw_step(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        fused = all(p.is_floating_point() for p in weights)
        adamw(
            weights,
            [p.grad for p in weights if p.grad is not None],
            [self._state(p, "exp_avg") for p in weights],
            [self._state(p, "exp_avg_sq") for p in weights],
            [],
            [self._steps(p) for p in weights],
            fused=fused,
            foreach=False,
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=group["lr"] * group["adamw"],
            weight_decay=0.0,
            eps=group["eps"],
            maximize=False,
        )

    def _state(self, p: Tensor, name: str) -> Tensor:
        state = self.state[p]
        if name not in state:
            state[name] = torch.zeros_like(p)
        kept: Tensor = state[name]
        return kept

    def _steps(self, p: Tensor) -> Tensor:
        """How many there were, where the weight is: there they are counted."""
        state = self.state[p]
        steps = state.get("step", 0)
        kept = isinstance(steps, Tensor) and steps.dtype == torch.float32
        if not kept or steps.device != p.device:
            state["step"] = steps = torch.as_tensor(steps, dtype=torch.float32, device=p.device)
        return steps
