"""The authors' released code and ours, on the same images, network and time.

    python benchmarks/against_authors.py PATH_TO_THEIR_CHECKOUT --data_dir PHOTOGRAPHS

Theirs is the clone of its user, github.com/ahxmeds/multiscale-gradient-estimation; it needs pandas.
Nothing of it is copied. Both train *their* network at denoising with t ~ U(0, 1), batch 16 and Adam
5e-4 on the same crops of 128×128, the size that their code fixes, for the same seconds on the wall;
the images of `data_dir/val` that neither has seen judge them. Each run has a process of its own.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import authors
import torch
from PIL import Image
from quiet import quiet
from table import as_markdown, publish
from torch import Tensor, nn

from telegrad.data import Folder
from telegrad.data.pyramid import build_pyramid
from telegrad.data.stream import grid_of_crops
from telegrad.mge.grids import GridHierarchy
from telegrad.runs import Config, run
from telegrad.runs.compose import compose
from telegrad.tasks import Objective, PaperDenoising
from telegrad.training.validation import Validation

SIZE = 128
JUDGED_ON = 64


class Theirs(nn.Module):
    """A network of the authors; their time runs from noise to image, ours from image to noise."""

    def __init__(self, checkout: str, network: str, channels: int) -> None:
        super().__init__()
        path = Path(checkout) / "multiscale" / "models.py"
        spec = importlib.util.spec_from_file_location("models_of_the_authors", path)
        if spec is None or spec.loader is None or not path.exists():
            raise FileNotFoundError(f"{path} is missing; {checkout} is no clone of their code.")
        models = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(models)
        self.network = authors.build_network(models, network, channels)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.network(x, 1 - t)


def write_crops(data_dir: str, to: Path, number: int) -> dict[str, Tensor]:
    """Crops of photographs as files: train, val, and, of other photographs, the ones that judge."""
    source = Folder(path=str(data_dir)).source()
    val, judges = source.val[::2], source.val[1::2]
    kinds = {"train": (source.train, number), "val": (val, 512), "judges": (judges, JUDGED_ON)}
    grids = GridHierarchy((SIZE, SIZE), levels=1)
    for kind, (images, of_kind) in kinds.items():
        crops = grid_of_crops(build_pyramid(images, grids), of_kind)
        if kind == "judges":
            return PaperDenoising().images(crops)
        (to / kind).mkdir()
        for k, pixels in enumerate(crops["clean"].permute(0, 2, 3, 1).numpy()):
            Image.fromarray(pixels).save(to / kind / f"{k:05}.png")
    raise AssertionError


def run_theirs(settings: dict[str, Any], out: Path) -> tuple[dict[str, float], Theirs]:
    file = out / "settings.json"
    file.write_text(json.dumps({**settings, "out": str(out)}))
    command = [sys.executable, str(Path(authors.__file__)), str(file)]
    path = os.pathsep.join([settings["checkout"], os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"their code stopped: {done.stderr}")
    network = Theirs(settings["checkout"], settings["network"], settings["channels"])
    network.network.load_state_dict(torch.load(out / "network.pt", weights_only=True))
    return json.loads((out / "found.json").read_text()), network


def train_ours(settings: dict[str, Any], out: str) -> dict[str, float]:
    """In this process, which must be new."""
    torch.manual_seed(settings["seed"])
    network = Theirs(settings["checkout"], settings["network"], settings["channels"])
    with quiet():
        report = run(config_of(settings, network, out))
    torch.save(network.state_dict(), Path(out) / "network.pt")
    steps = report.progress.iteration
    return {
        "steps": steps,
        "step": report.progress.seconds / steps,
        "with_all": report.wall_seconds / steps,
        "took": report.wall_seconds,
        "memory": report.peak_memory or float("nan"),
        "largest_worker": 0.0,
    }


def config_of(settings: dict[str, Any], network: nn.Module, out: str) -> Config:
    return compose(
        {
            "task": "paper_denoising",
            "strategy": settings["mode"],
            "network": network,
            "data": "Folder",
            "data.path": settings["data_dir"],
            "size": SIZE,
            "levels": 4,
            "batch_size": 16,
            "t_max": 1.0,
            "learning_rate": 5e-4,
            "budget": f"{settings['seconds']}s",
            "validation.times": 4,
            "validation.images": 32,
            "seed": settings["seed"],
            "device": "cpu",
            "out": out,
        }
    )


def run_ours(settings: dict[str, Any], out: Path) -> tuple[dict[str, float], Theirs]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(train_ours, (settings, str(out)))
    network = Theirs(settings["checkout"], settings["network"], settings["channels"])
    network.load_state_dict(torch.load(out / "network.pt", weights_only=True))
    return found, network


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkout", help="a clone of the authors' repository")
    parser.add_argument("--data_dir", required=True, help="photographs of at least 128×128")
    parser.add_argument("--seconds", type=float, default=30, help="of each run")
    parser.add_argument("--network", choices=["resnet", "unet"], default="resnet")
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--crops", type=int, default=1000)
    parser.add_argument("--modes", nargs="+", default=["single", "fullmultiscale"])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        judges = write_crops(options.data_dir, Path(folder), options.crops)
        judge = Validation(Objective(PaperDenoising(t_max=1.0)), judges)
        cases = [
            *(("theirs", mode, {"validate": True}) for mode in options.modes),
            *(("theirs, validation left out", mode, {"validate": False}) for mode in options.modes),
            *(("ours", mode, {}) for mode in [*options.modes, "cascadic"]),
        ]
        for k, (code, mode, changes) in enumerate(cases):
            settings = {
                **vars(options),
                **changes,
                "mode": mode,
                "checkout": str(Path(options.checkout).absolute()),
                "data_dir": folder,
            }
            out = Path(folder) / f"run{k}"
            out.mkdir()
            found, network = (run_ours if code == "ours" else run_theirs)(settings, out)
            quality = judge.evaluate(network.eval())
            workers = found["largest_worker"]
            memory = f"{found['memory']:.0f}" + (f" + workers of {workers:.0f}" * (workers > 0))
            rows.append(
                [
                    *(code, mode, int(found["steps"]), f"{found['took']:.0f}"),
                    *(f"{found['step']:.2f}", f"{found['with_all']:.2f}", memory),
                    *(f"{quality.mean_mse:.4f}", f"{quality.mean_psnr:.2f}"),
                ]
            )
            print(rows[-1], flush=True)
    columns = [
        *("code", "mode", "steps", "s in all", "s a step", "s with data and validation"),
        *("memory, MiB", "MSE", "PSNR, dB"),
    ]
    corrupted = judge.corrupted()
    body = (
        f"{options.network} of {options.channels} channels, the authors' own, in both; "
        f"{options.crops} crops of {Path(options.data_dir).name}, {torch.get_num_threads()} "
        f"threads. Quality on {JUDGED_ON} crops of photographs that neither code has seen (the "
        f"noisy ones have {corrupted.mean_psnr:.2f} dB).\n\n"
        f"What differs from their script: the images are these crops instead of a data set that it "
        f"downloads or expects at a path of its authors; the numbers of iterations of its stages "
        f"keep their proportions and fit the time; network and device are as on a machine without "
        f"a GPU. Its validation of 512 images after every step is part of it; rows without it are "
        f"given as well. Its seconds a step are those that it logs, with its loader started anew "
        f"in every step. Of theirs the last network is judged, of ours the best on its validation "
        f"crops.\n\n" + as_markdown(columns, rows)
    )
    publish("against_authors", "The authors' code and ours", body, [options.seed])


if __name__ == "__main__":
    main()
