"""Coarse to fine in one's own loop, from JPEG files: what the loading adds to computing.

    python benchmarks/loader.py [FOLDER]

Photographs (those of the folder, or the built-in ones) are cut to 481×321 and saved as JPEG files
of quality 95 in a temporary folder. A plain Dataset opens them with Pillow; `ScheduledLoader` makes
of them the batches of `auto` on 4 levels, for a convolutional network of three layers. The same
steps on the same batches, lying in memory, are computing alone. All ways take turns.

Computing has one thread, so that on two cores workers find one too.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from table import as_markdown, publish, read_csv, write_csv
from torch import Tensor, nn
from torch.utils.data import Dataset

from telegrad import GridHierarchy, ScheduledLoader
from telegrad.data import image_pyramid
from telegrad.data.photographs import Photographs
from telegrad.schedules import Schedule, auto

SIZE = 481, 321
GRIDS = GridHierarchy(finest=(128, 128), levels=4)


class Files(Dataset[Tensor]):
    """JPEG files as tensors (3, h, w) in [0, 1]."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, k: int) -> Tensor:
        with Image.open(self.paths[k]) as image:
            pixels = np.array(image.convert("RGB"))
        return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


class Case(NamedTuple):
    data: str
    channels: int
    crops: int
    workers: tuple[int, ...]
    budget: float


CASES = (
    Case("JPEG", 48, 1, (0, 1, 2), 60),
    Case("JPEG", 48, 4, (0, 1, 2), 60),
    Case("JPEG", 160, 1, (0, 1, 2), 30),
    Case("memory", 48, 1, (0,), 60),
    Case("pyramid", 48, 1, (0,), 60),
    Case("pyramid", 160, 1, (0,), 30),
)


def three_layers(channels: int) -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, channels, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()),
        nn.Conv2d(channels, 3, 3, padding=1),
    )


def seconds_of(
    steps: Callable[[], Iterable[Any]], schedule: Schedule, channels: int
) -> list[float]:
    """Of each stage, the first step's waiting included."""
    torch.manual_seed(0)
    network = three_layers(channels)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)

    def losses(batch: Any) -> Tensor:
        clean = batch["clean"] if isinstance(batch, dict) else batch
        noisy = clean + 0.1 * torch.randn_like(clean)
        return (network(noisy) - clean).square().mean((1, 2, 3))

    seconds = [0.0] * len(schedule.stages)
    waiting = list(seconds)
    since = time.perf_counter()
    for step in steps():
        waiting[step.stage] += time.perf_counter() - since
        optimizer.zero_grad(set_to_none=True)
        step.backward(losses)
        optimizer.step()
        now = time.perf_counter()
        seconds[step.stage] += now - since
        since = now
    return seconds, waiting


def measured(case: Case, dataset: Any, repetitions: int) -> list[dict[str, object]]:
    schedule = auto(GRIDS, case.budget)

    def loader(workers: int) -> ScheduledLoader:
        return ScheduledLoader(dataset, schedule, num_workers=workers, crops_per_sample=case.crops)

    in_memory = list(loader(0))
    ways: dict[str, Callable[[], Iterable[Any]]] = {"alone": lambda: in_memory}
    ways |= {str(workers): lambda n=workers: loader(n) for workers in case.workers}
    found: list[dict[str, object]] = []
    for repetition in range(repetitions):
        for way, steps in ways.items():
            seconds, waiting = seconds_of(steps, schedule, case.channels)
            for number, stage in enumerate(schedule.stages):
                found.append(
                    {
                        "data": case.data,
                        "channels": case.channels,
                        "crops_per_sample": case.crops,
                        "workers": way,
                        "repetition": repetition,
                        "stage": number,
                        "batch": stage.batch_sizes[0],
                        "size": GRIDS.shape(stage.finest)[0],
                        "steps": stage.steps,
                        "seconds": round(seconds[number], 5),
                        "waiting": round(waiting[number], 5),
                        "load": round(os.getloadavg()[0], 2),
                    }
                )
        print(case, repetition, [f"{sum_of(found, way, repetition):.1f}" for way in ways])
    return found


def sum_of(
    rows: list[Any], way: str, repetition: object, stage: object = None, what: str = "seconds"
) -> float:
    """Seconds of a stage, or of all."""
    return sum(
        float(row[what])
        for row in rows
        if row["workers"] == way
        and row["repetition"] == repetition
        and stage in (None, row["stage"])
    )


def table_of(case: Case, rows: list[dict[str, str]]) -> list[list[object]]:
    """A row for each stage, and one for all: medians, and ratios to the computing beside them."""
    repetitions = sorted({row["repetition"] for row in rows})
    steps = {row["stage"]: row for row in rows}
    table: list[list[object]] = []
    for stage in (*steps, None):

        def of(way: str, what: str = "seconds", stage: str | None = stage) -> list[float]:
            return [sum_of(rows, way, repetition, stage, what) for repetition in repetitions]

        alone = statistics.median(of("alone"))
        number = sum(int(row["steps"]) for s, row in steps.items() if stage in (None, s))
        first = steps[stage] if stage is not None else None
        batch = "all" if first is None else f"{first['batch']} of {first['size']}×{first['size']}"
        entry: list[object] = [case.data, case.channels, case.crops, batch, number]
        entry += [f"{1e3 * alone / number:.1f}", f"{alone:.2f}"]
        for way in ("0", "1", "2"):
            if int(way) not in case.workers:
                entry.append("")
                continue
            pairs = list(zip(of(way), of("alone"), strict=True))
            ratio = statistics.median(a / b for a, b in pairs)
            loop, waits = statistics.median(of(way)), statistics.median(of(way, "waiting"))
            entry.append(f"{loop:.2f} / {waits:.2f} ({ratio:.2f})")
        table.append(entry)
    return table


def jpeg_files(folder: Path | None, target: Path) -> list[Path]:
    """Photographs of 481×321 as JPEG files."""
    if folder is None:
        source = Photographs().source()
        originals = [image.files[0] for image in (*source.train, *source.val)]
    else:
        originals = sorted(folder.glob("*.*"))
    paths = [target / f"{number}.jpg" for number in range(len(originals))]
    for original, path in zip(originals, paths, strict=True):
        with Image.open(original) as image:
            ImageOps.fit(image.convert("RGB"), SIZE).save(path, quality=95)
    return paths


def mosaic(paths: list[Path], size: tuple[int, int]) -> Image.Image:
    """A large photograph of small ones, so that it has real detail in every pixel."""
    whole = Image.new("RGB", size)
    across, down = -(-size[0] // SIZE[0]), -(-size[1] // SIZE[1])
    for k in range(across * down):
        with Image.open(paths[k % len(paths)]) as image:
            whole.paste(image, (k % across * SIZE[0], k // across * SIZE[1]))
    return whole


def reduced_decoding(paths: list[Path]) -> list[dict[str, object]]:
    """Milliseconds and error of decoding JPEG files at a part of their size, by `Image.draft`."""
    large = io.BytesIO()
    mosaic(paths, (2048, 1536)).save(large, "JPEG", quality=95)
    of_size = {"481×321": [p.read_bytes() for p in paths[:20]], "2048×1536": [large.getvalue()]}
    found: list[dict[str, object]] = []
    for size, files in of_size.items():
        for part in (1, 2, 4, 8):
            repetitions = 5 if len(files) > 1 else 15
            full, drafted, squares = [], [], []
            for repetition in range(repetitions):
                for file in files:
                    started = time.perf_counter()
                    whole = decoded(file, 1)
                    _ = whole.reduce(part) if part > 1 else whole
                    between = time.perf_counter()
                    draft = decoded(file, part)
                    full.append(between - started)
                    drafted.append(time.perf_counter() - between)
                    if repetition == 0:
                        squares.append(mean_square(whole, draft, part))
            found.append(
                {
                    "size": size,
                    "part": f"1/{part}",
                    "decode_average_ms": round(1e3 * statistics.median(full), 3),
                    "draft_ms": round(1e3 * statistics.median(drafted), 3),
                    "rmse_levels": round(statistics.mean(squares) ** 0.5, 3),
                }
            )
    return found


def decoded(file: bytes, part: int) -> Image.Image:
    image = Image.open(io.BytesIO(file))
    if part > 1:
        image.draft("RGB", (image.width // part, image.height // part))
    image.load()
    return image


def mean_square(whole: Image.Image, draft: Image.Image, part: int) -> float:
    """Of the difference to the mean of each block, in 8-bit levels."""
    pixels = np.asarray(whole, dtype=np.float64)
    h, w = (n // part for n in pixels.shape[:2])
    blocks = pixels[: h * part, : w * part].reshape(h, part, w, part, 3).mean((1, 3))
    return float(((np.asarray(draft, dtype=np.float64)[:h, :w] - blocks) ** 2).mean())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path, help="of photographs")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        paths = jpeg_files(options.folder, Path(folder))
        files = Files(paths)
        in_memory = [files[k] for k in range(min(len(files), 50))]
        pyramid = image_pyramid(paths, GRIDS, progress=False)
        datasets = {"JPEG": files, "memory": in_memory, "pyramid": pyramid}
        write_csv("loader_jpeg", reduced_decoding(paths))
        rows = []
        for case in CASES:
            rows += measured(case, datasets[case.data], options.repetitions)
        write_csv("loader", rows)

    table: list[list[object]] = []
    for case in CASES:
        key = case.data, str(case.channels), str(case.crops)
        names = "data", "channels", "crops_per_sample"
        table += table_of(
            case, [row for row in read_csv("loader") if tuple(row[n] for n in names) == key]
        )
    columns = ["data", "channels", "crops", "batch", "steps", "step, ms", "alone"]
    columns += [f"{n} workers" if n != 1 else "1 worker" for n in range(3)]
    loads = [float(row["load"]) for row in read_csv("loader")]
    jpeg = [list(row.values()) for row in read_csv("loader_jpeg")]
    body = f"""{len(paths)} photographs of 481×321 as JPEG files of quality 95, crops of 128×128, \
`auto` on 4 levels, three convolutions, one thread for computing. Medians of {options.repetitions} \
repetitions. `step, ms` and `alone` (seconds): the same steps on batches that lie in memory. Under \
the workers: seconds of the loop with ScheduledLoader, the start of the workers included (in the \
first row) / those of them in which it waits for batches (the loop's ratio to computing alone \
beside it). `crops`: crops_per_sample. Load average: {min(loads)} to {max(loads)}, of \
which this program makes up to 3; what is beyond are other programs on the same cores.

{as_markdown(columns, table)}

A step on the coarsest level takes eight files, each of which is opened and decoded whole; where \
its computing is shorter than that, the stage is bound by opening. A tensor in memory is still \
cropped and averaged for each use; a pyramid has done that once.

Decoding a JPEG file at a part of its size (Pillow's `Image.draft`), against decoding it whole and \
averaging blocks (`Image.reduce`), and how far its pixels are from the blocks' exact means, in \
8-bit levels. The large image is a mosaic of the small ones.

{as_markdown(["size", "part", "decode and average, ms", "draft, ms", "RMSE, levels"], jpeg)}"""
    publish("loader", "What loading adds to a schedule in one's own loop", body, [0])


if __name__ == "__main__":
    main()
