"""Layers that mix samples, or differ from pass to pass, so that the levels' terms don't telescope.

The sum over levels holds if a sample's loss depends on that sample and its level alone, and what is
random in it is the same on all levels. Batch normalization in training mode makes it depend on the
other samples of the pass, which are others on each level; dropout draws anew in each pass.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from weakref import ReferenceType, WeakKeyDictionary, WeakSet, ref

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.instancenorm import _InstanceNorm

from telegrad.mge.reach import modules_of


@dataclass(frozen=True)
class MixingLayer:
    """A layer that breaks the telescoping sum.

    Attributes:
        name: its name in the network, "" for the network itself.
        kind: its class, such as BatchNorm2d.
        problem: what it does, as the end of a sentence that begins with the layer.
        way_out: what to do about it.

    >>> print(MixingLayer("body.1", "Dropout", "draws new masks", "Use CoupledDropout."))
    'body.1' (Dropout) draws new masks. Use CoupledDropout.
    """

    name: str
    kind: str
    problem: str
    way_out: str

    def __str__(self) -> str:
        return f"{_called(self)} {self.problem}. {self.way_out}"


def mixing_layers(module: nn.Module) -> tuple[MixingLayer, ...]:
    """The layers of a network that mix samples or draw anew, in the mode in which it is.

    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.GroupNorm(2, 8))
    >>> [(layer.name, layer.kind) for layer in mixing_layers(network)]
    [('1', 'BatchNorm2d')]
    >>> mixing_layers(network.eval())
    ()

    Raises:
        TypeError: if it is none.
    """
    _check_module("mixing_layers", module)
    return tuple(finding for _, finding in _findings(_candidates(module)))


M = TypeVar("M", bound=nn.Module)


def freeze_batch_norm(module: M) -> M:
    """Batch normalization by its running statistics, from now on, whatever `train()` says.

    A sample's output then does not depend on the others, as `multiscale_backward` needs. Weight and
    bias still train. The running statistics stay what they are: let a new network see some batches
    in training mode first.

    >>> network = freeze_batch_norm(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)))
    >>> network.train()[1].training
    False

    Returns:
        The same module.

    Raises:
        TypeError: if it is none.
        ValueError: for a layer that keeps no running statistics.
    """
    _check_module("freeze_batch_norm", module)
    layers: list[tuple[str, Any]] = [
        (name, x) for name, x in module.named_modules() if isinstance(x, _BatchNorm)
    ]
    for name, layer in layers:
        if layer.running_mean is None:
            raise ValueError(
                f"freeze_batch_norm: {name!r} ({type(layer).__name__}) keeps no running "
                f"statistics; make it with track_running_stats=True, or use GroupNorm."
            )
    for _, layer in layers:
        layer.eval()
        layer.train = partial(_stay, layer)
    return module


def _check_module(caller: str, module: object) -> None:
    if not isinstance(module, nn.Module):
        raise TypeError(f"{caller}: got a {type(module).__name__}; needs a torch.nn.Module.")


def _stay(layer: nn.Module, mode: bool = True) -> nn.Module:
    """The `train` of a frozen layer."""
    return layer


Test = Callable[[nn.Module], bool]
"""Whether a layer mixes, in the mode in which it is."""


@dataclass(frozen=True)
class _Kind:
    mixes: Test
    problem: str
    way_out: str


def _iterates(layer: nn.Module) -> bool:
    """Whether a spectral norm is found by iteration; that of a vector is not."""
    return layer.training and (type(layer).__name__ != "_SpectralNorm" or hasattr(layer, "_u"))


def _uses_batch(layer: Any) -> bool:
    return bool(layer.training or layer.running_mean is None)


def _drops(layer: Any) -> bool:
    """Whether a layer is to drop anything; its probability has one of these names."""
    named = ("drop_prob", "p", "drop_path_prob", "drop_path", "prob", "dropout")
    of_layer = [getattr(layer, name) for name in named if hasattr(layer, name)]
    numbers = [p for p in of_layer if p is None or isinstance(p, (int, float))]
    return bool(layer.training and (not numbers or any(numbers)))


def _is_between_layers(layer: Any) -> bool:
    return bool(layer.training and layer.dropout > 0 and layer.num_layers > 1)


def _is_random(layer: Any) -> bool:
    return bool(layer.training and layer.lower != layer.upper)


_BATCH_NORM = _Kind(
    _uses_batch,
    "normalizes by the other samples of each pass, so that the levels don't telescope",
    "Use freeze_batch_norm(network), which normalizes by the running statistics, or GroupNorm.",
)
_INSTANCE_NORM = _Kind(
    lambda layer: bool(layer.training and getattr(layer, "track_running_stats", False)),
    "gathers its running statistics from the images of all levels",
    "Make it with track_running_stats=False.",
)
_DROPOUT = _Kind(
    _drops,
    "draws new masks in each pass, which drown the differences between levels",
    "Use CoupledDropout, whose masks are the same on all levels.",
)
_DROPOUT_INSIDE = _Kind(
    _drops, _DROPOUT.problem, "Make it with dropout=0, and put CoupledDropout behind it."
)
_DROP_PATH = _Kind(
    _drops,
    "drops other samples' paths in each pass, which drowns the differences between levels",
    "Set its probability to 0; CoupledDropout is the same on all levels.",
)
_RRELU = _Kind(_is_random, "draws new slopes in each pass", "Use LeakyReLU.")
_POOLING = _Kind(
    lambda layer: layer._random_samples is None,
    "draws new regions in each pass",
    "Use another pooling, or give it _random_samples.",
)
_SPECTRAL_NORM = _Kind(
    _iterates,
    "changes its weight in each pass, by a power iteration",
    "Call layer.parametrizations.eval() after train(), or layer.eval() with the old spectral_norm.",
)

_BY_NAME = {
    **dict.fromkeys(("DropPath", "StochasticDepth", "DropConnect"), _DROP_PATH),
    **dict.fromkeys(("DropBlock", "DropBlock2d", "DropBlock3d"), _DROPOUT),
}
_NORMS = ("SpectralNorm", "_SpectralNorm")


def _kind_of(layer: nn.Module) -> _Kind | None:
    """What may be wrong with a layer, in one mode or another."""
    by_class: tuple[tuple[Any, _Kind], ...] = (
        (_BatchNorm, _BATCH_NORM),
        (_InstanceNorm, _INSTANCE_NORM),
        (_DropoutNd, _DROPOUT),
        (nn.MultiheadAttention, _DROPOUT_INSIDE),
        (nn.RReLU, _RRELU),
        ((nn.FractionalMaxPool2d, nn.FractionalMaxPool3d), _POOLING),
    )
    for classes, kind in by_class:
        if isinstance(layer, classes):
            return kind
    if isinstance(layer, nn.RNNBase):
        return _Kind(_is_between_layers, _DROPOUT_INSIDE.problem, _DROPOUT_INSIDE.way_out)
    hooks = layer._forward_pre_hooks.values()
    if any(type(hook).__name__ in _NORMS for hook in hooks) or type(layer).__name__ in _NORMS:
        return _SPECTRAL_NORM
    return next((_BY_NAME[c.__name__] for c in type(layer).__mro__ if c.__name__ in _BY_NAME), None)


Candidate = tuple[str, "ReferenceType[nn.Module]", str, _Kind]


def _candidates(module: nn.Module) -> list[Candidate]:
    """Layers that mix in one mode or another: name, layer, class, kind."""
    found: list[Candidate] = []
    for name, layer in module.named_modules():
        kind, class_name = _kind_of(layer), type(layer).__name__
        if class_name == "_SpectralNorm" and ".parametrizations." in f".{name}":
            name = f".{name}".partition(".parametrizations.")[0].removeprefix(".")
            class_name = f"{type(module.get_submodule(name)).__name__} with spectral_norm"
        elif kind is _SPECTRAL_NORM:
            class_name = f"{class_name} with spectral_norm"
        if kind is not None:
            found.append((name, ref(layer), class_name, kind))
    return found


def _findings(candidates: Iterable[Candidate]) -> list[tuple[nn.Module, MixingLayer]]:
    """Those that mix in the mode in which they are."""
    found = []
    for name, of_layer, class_name, kind in candidates:
        layer = of_layer()
        if layer is not None and kind.mixes(layer):
            found.append((layer, MixingLayer(name, class_name, kind.problem, kind.way_out)))
    return found


_known: WeakKeyDictionary[nn.Module, list[Candidate]] = WeakKeyDictionary()
_said: WeakSet[nn.Module] = WeakSet()


def not_yet_said(module: nn.Module, again: bool = False) -> tuple[MixingLayer, ...]:
    """`mixing_layers`, each layer once: who asks is to say it.

    A network is looked through once, and `again` if its layers may be others by now.
    """
    if again or module not in _known:
        _known[module] = _candidates(module)
    if not _known[module]:
        return ()
    new = [(layer, finding) for layer, finding in _findings(_known[module]) if layer not in _said]
    _said.update(layer for layer, _ in new)
    return tuple(finding for _, finding in new)


def warn_of_mixing(caller: str, losses: Callable[..., Any], again: bool = False) -> None:
    """One UserWarning for the layers of the modules that `losses` calls, and never again."""
    found = [layer for module in modules_of(losses) for layer in not_yet_said(module, again)]
    if found:
        warnings.warn(f"{caller}: {sentences(found)}", stacklevel=3)


def sentences(layers: Iterable[MixingLayer]) -> str:
    """Layers with the same problem in one sentence.

    >>> layers = [MixingLayer(name, "RReLU", "draws slopes", "Use LeakyReLU.") for name in "abcde"]
    >>> print(sentences(layers))
    'a', 'b', 'c' and 2 more (RReLU): each draws slopes. Use LeakyReLU.
    """
    alike: dict[tuple[str, str, str], list[MixingLayer]] = {}
    for layer in layers:
        alike.setdefault((layer.kind, layer.problem, layer.way_out), []).append(layer)
    said = []
    for (kind, problem, way_out), group in alike.items():
        if len(group) == 1:
            said.append(f"{_called(group[0])} {problem}. {way_out}")
            continue
        names = [repr(layer.name) for layer in group]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        said.append(f"{', '.join(names[:3])}{more} ({kind}): each {problem}. {way_out}")
    return " ".join(said)


def _called(layer: MixingLayer) -> str:
    return f"{layer.name!r} ({layer.kind})" if layer.name else f"the module ({layer.kind})"
