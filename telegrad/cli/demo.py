"""`telegrad demo`: a page that restores an uploaded picture."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from telegrad.cli.arguments import Command
from telegrad.cli.guard import guarded
from telegrad.cli.network_option import model_of
from telegrad.inference.demo_page import demo_page, restored_upload, serve
from telegrad.options import option
from telegrad.pretrained import cards as pretrained
from telegrad.training.interruptions import Interruptions


@dataclass(frozen=True, kw_only=True)
class Demo(Command):
    positional: ClassVar[tuple[str, ...]] = ("model",)
    usage: ClassVar[str] = "telegrad demo [MODEL] [options]"
    description: ClassVar[str] = (
        "Serve a page to this machine that restores a picture you give it, as `telegrad restore` "
        "does, and shows it before and after with a slider. Nothing leaves the machine. Ctrl-C "
        "ends it. Needs pip install 'telegrad[demo]'."
    )
    example: ClassVar[str] = "telegrad demo --open_browser"

    model: str = option(
        pretrained.ORDER[0],
        "one that comes along (telegrad models), denoise by default; or a run's models/…_best.pt, "
        "or its directory",
        path=True,
    )
    port: int | None = option(None, "of the page; else the first that is free from 7860 on",
                              least=1, most=2**16 - 1)  # fmt: skip
    open_browser: bool = option(False, "open the page in the browser")
    noise: float | None = option(
        None,
        "standard deviation of the pictures' noise, on 0 … 255, for a network that is told of "
        "it; else estimated",
        least=0,
        most=255,
    )
    tile: int | None = option(
        None, "side of what the network sees at once; as of `telegrad restore`", unit="pixels",
        least=16, most=2**20,
    )  # fmt: skip
    max_pixels: int | None = option(
        None, "refuse pictures whose header announces more; else twice Pillow's limit",
        unit="pixels", least=1,
    )  # fmt: skip
    device: str = option("cpu", "cpu, cuda, cuda:1, mps, …")


def main(words: Sequence[str]) -> int:
    return guarded("telegrad demo", lambda: demo(words))


def demo(words: Sequence[str]) -> int:
    if "--help" in words or "-h" in words:
        print(Demo.help())
        return 0
    own, rest = Demo.parse(words, others=("network",))
    model = model_of(own.model, own.device, rest)
    low, high = model.task.value_range
    noise = None if own.noise is None else own.noise / 255 * (high - low)
    model.check_noise("demo", noise)
    network = model.config.network.short_name
    page, folder = demo_page(
        lambda upload, out: restored_upload(model, upload, out, noise, own.tile, own.max_pixels),
        f"With {network}, trained for {model.task.name}.",
    )
    try:
        with Interruptions() as interruptions:
            address = serve(page, folder, own.port, own.open_browser)
            print(f"Open {address} in a browser on this machine; Ctrl-C ends it.", flush=True)
            while not interruptions.asked:
                time.sleep(0.2)
    finally:
        page.close(verbose=False)
        shutil.rmtree(folder, ignore_errors=True)
    return 0
