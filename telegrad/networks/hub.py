"""Networks as the Hugging Face hub keeps them: a folder, or a repository, of weights and arguments.

Needs `pip install 'telegrad[hub]'`; nothing else does.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from torch import nn

FILES = ("config.json", "model.safetensors")
"""Of a network in a folder: its constructor's arguments, and its weights."""


def save_network(network: nn.Module, arguments: dict[str, Any], folder: str | Path) -> None:
    """Writes arguments and weights into a folder, which is made.

    Raises:
        FileExistsError: if there is a network already.
        ValueError: if huggingface_hub is not installed.
    """
    there = [name for name in FILES if (Path(folder) / name).exists()]
    if there:
        raise FileExistsError(
            f"save_pretrained: {Path(folder) / there[0]} is there already; choose another folder."
        )
    kind: Any = type(network)
    kept = hub_class(kind)(**arguments)
    kept.load_state_dict(network.state_dict())
    kept.save_pretrained(folder)


def load_network(kind: Any, name: str | Path, **options: Any) -> nn.Module:
    """The network in a folder, or in a repository of the hub, in evaluation mode.

    Args:
        kind: its class.
        name: folder, or repository.
        options: of `PyTorchModelHubMixin.from_pretrained`, such as `revision`; and arguments of
            the class, in place of those that were kept.

    Raises:
        ValueError: if huggingface_hub is not installed.
        OSError: if there is no such folder or repository.
    """
    found = hub_class(kind).from_pretrained(str(name), **options)
    network: nn.Module = kind(**found._hub_mixin_config)
    network.load_state_dict(found.state_dict())
    return network.eval()


@cache
def hub_class(kind: Any) -> Any:
    """The class with the hub's mixin before it."""
    try:
        from huggingface_hub import PyTorchModelHubMixin
    except ImportError as error:
        raise ValueError(
            f"{kind.__name__}: the hub needs huggingface_hub: pip install 'telegrad[hub]'"
        ) from error

    class Kept(PyTorchModelHubMixin, kind, library_name="telegrad", tags=["image-restoration"]):
        pass

    Kept.__name__ = Kept.__qualname__ = kind.__name__
    return Kept
