"""The networks that come along: trained by their recipes, measured on whole standard sets, stored.

    python benchmarks/train_pretrained.py --bsds BSDS500 --sets TESTSETS --polyu POLYU

Trains `telegrad/recipes/pretrained_*.yaml` on the photographs of BSDS500/train, chooses the best
weights by those of BSDS500/val that are not in CBSD68, and writes weights (safetensors, 16 bits a
number) and card of each into `telegrad/pretrained/`. What was stopped goes on; what is there and
was made by the same recipe is measured again only with --again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from table import processor

from telegrad.atomic import write_whole
from telegrad.data.image_files import read_rgb
from telegrad.evaluation import Protocol, means
from telegrad.evaluation.channels import eight_bits
from telegrad.evaluation.metrics import psnr
from telegrad.inference import Model, evaluate_folders, load_model, restore_image
from telegrad.pretrained import Card, Figure
from telegrad.pretrained.cards import FOLDER
from telegrad.runs.compose import compose
from telegrad.runs.config import Config
from telegrad.runs.recipes import recipe
from telegrad.runs.running import run
from telegrad.training.checkpoint import read_safetensors

CHOSEN_BY = 5
"""The first of so many pairs with real noise was looked at when the recipe was chosen."""


@dataclass(frozen=True)
class Made:
    """What is said of a network, and where it is measured."""

    meaning: str
    sets: tuple[str, ...]
    protocol: Protocol
    notes: tuple[str, ...] = ()


MADE = {
    "denoise": Made(
        "noise of any strength up to σ = 50 on 0 … 255, in color: white, or of a camera",
        ("CBSD68", "Kodak24"),
        Protocol(sigma=[15, 25, 50], metrics=["psnr"]),
        (
            "Trained on noise whose pixels and channels share up to what cameras' do (--grain), so "
            "that it is weaker on white noise than a network for white noise alone.",
        ),
    ),
    "jpeg": Made(
        "artifacts of JPEG of qualities 10 to 90, in color",
        ("CBSD68", "Kodak24"),
        Protocol(quality=[10, 20, 30, 40], metrics=["psnr"]),
    ),
    "x2": Made(
        "twice the height and width, from an image that was made small by bicubic averaging",
        ("Set5", "Set14"),
        Protocol(metrics=["psnr"]),
    ),
}


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="which; all if none is named")
    parser.add_argument("--bsds", type=Path, required=True, help="folder with train and val in it")
    parser.add_argument("--sets", type=Path, required=True, help="folder of CBSD68, Kodak24, …")
    parser.add_argument("--polyu", type=Path, help="folder of pairs with real noise")
    parser.add_argument("--work", type=Path, default=Path("results/pretrained"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="measure what is there already")
    o = parser.parse_args(words)
    torch.set_num_threads(o.threads)
    data = folder_without(o.bsds, o.sets / "CBSD68", o.work / "data")
    for name in o.names or MADE:
        config = config_of(name, data, o.work / "runs" / name)
        if not config.directory.report.exists():
            run(config, resume=config.directory.last.exists())
        weights = stored(config)
        target = FOLDER / f"{name}.safetensors"
        if target.exists() and target.read_bytes() == weights and not o.again:
            continue
        write_whole(target, weights)
        card = card_of(name, config, load_model(target), o)
        write_whole(
            FOLDER / f"{name}.json", json.dumps(card.to_dict(), indent=2, ensure_ascii=False) + "\n"
        )
        print(card)


def folder_without(bsds: Path, tested: Path, work: Path) -> Path:
    """A folder with train and val in it, without the images of a set that is tested on."""
    names = {file.stem for file in tested.iterdir()}
    for part in ("train", "val"):
        (work / part).mkdir(parents=True, exist_ok=True)
        for file in sorted((bsds / part).iterdir()):
            link = work / part / file.name
            if file.stem not in names and not link.exists():
                link.symlink_to(file.resolve())
    return work


def config_of(name: str, data: Path, out: Path) -> Config:
    """The recipe's run."""
    options = {"data.path": str(data), "device": "cpu", "seed": 0, "out": str(out)}
    return compose(options, recipe(f"pretrained_{name}").parts())


def stored(config: Config) -> bytes:
    """The best weights with 16 bits a number, and how their network is made."""
    weights, facts = read_safetensors(config.directory.weights)
    described: dict[str, Any] = json.loads(facts["configuration"])
    described["data"]["init_args"]["path"] = "BSDS500"
    described["output"] |= {"directory": "results"}
    described["runtime"] |= {"cache_dir": None}
    halves = {name: value.half() if value.is_floating_point() else value
              for name, value in weights.items()}  # fmt: skip
    return save(halves, metadata={"configuration": json.dumps(described)})


def card_of(name: str, config: Config, model: Model, o: argparse.Namespace) -> Card:
    """What it comes to."""
    made, report = MADE[name], json.loads(config.directory.report.read_text())
    folders = [str(o.sets / one) for one in made.sets]
    protocol = made.protocol.of_task(model.task)
    rows = evaluate_folders(model, folders, protocol, shown=True).rows
    measured = f"PSNR, dB, {'Y' if protocol.channel == 'y' else 'RGB'}"
    figures = [
        _figure(m.set, m.images, m.strength, measured, m.corrupted["psnr"], m.restored["psnr"])
        for m in means(rows)
    ]
    notes = [*made.notes]
    if name == "denoise" and o.polyu is not None:
        figures += real_noise(model, o.polyu)
        chosen = figures.pop()
        gain = figures[-1].after - figures[-1].before
        notes.append(
            f"On photographs with real noise (PolyU, Xu et al. 2018) PSNR rises by {gain:.2f} dB, "
            f"in the mean over {figures[-1].images} pairs; on the {chosen.images} others, which "
            f"were looked at when the noise to train on was chosen, by "
            f"{chosen.after - chosen.before:.2f} dB."
        )
    network = model.config.network
    arguments = ", ".join(
        f"{n}={v}" for n, v in network.init_args.items() if v != _default(network, n)
    )
    return Card(
        name=name,
        meaning=made.meaning,
        network=f"{network.short_name}({arguments})",
        parameters=sum(p.numel() for p in model.network.parameters()),
        data="200 photographs of BSDS500/train; the best weights by 32 of BSDS500/val that are not "
        "in CBSD68",
        command=f"python benchmarks/train_pretrained.py {name} --bsds BSDS500 --sets TESTSETS "
        "--polyu POLYU",
        minutes=f"{report['seconds'] / 60:.0f} minutes of steps on {o.threads} thread of "
        f"{processor()}, shared with other programs; {report['work_units']:,.0f} images of 128×128",
        license="MIT, as telegrad. BSDS500's photographs are for non-commercial research and "
        "education; none is in the weights' file.",
        figures=tuple(figures),
        notes=tuple(notes),
    )


def _figure(*cells: Any) -> Figure:
    *words, before, after = cells
    return Figure(*words, round(before, 3), round(after, 3))


def _default(network: Any, name: str) -> Any:
    import inspect

    return inspect.signature(network.factory).parameters[name].default


def real_noise(model: Model, folder: Path) -> list[Figure]:
    """Pairs NAME_real, NAME_mean: those that were not looked at before, and those that were."""
    pairs = sorted(folder.glob("*_real.JPG"))
    rows = []
    for file in pairs:
        noisy, clean = (
            torch.tensor(read_rgb(f)).permute(2, 0, 1).double() / 255
            for f in (file, file.with_name(file.name.replace("_real", "_mean")))
        )
        restored = restore_image(model, noisy.float()).double()
        rows.append([psnr(eight_bits(x), clean).item() for x in (noisy, restored)])
    values = torch.tensor(rows, dtype=torch.float64)
    looked_at = torch.arange(len(pairs)) % CHOSEN_BY == 0
    return [
        _figure("PolyU, real noise", len(of), "", "PSNR, dB, RGB", *of.mean(0).tolist())
        for of in (values[~looked_at], values[looked_at])
    ]


if __name__ == "__main__":
    main()
