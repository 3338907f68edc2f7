"""What a run says of its network and images before it begins."""

from pathlib import Path

import numpy as np
import torch
from describe import described
from PIL import Image

from telegrad.runs.running import run


class Normalized(torch.nn.Sequential):
    def __init__(self) -> None:
        super().__init__(torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.BatchNorm2d(3))


def small(place: Path, **options):
    rest = {"size": 16, "images": 2, "validations": 1, "device": "cpu", "out": str(place)}
    return described(network=Normalized, **rest, **options)


def test_layers_that_break_the_sum_are_named_where_levels_are_summed(tmp_path, capsys):
    several = small(tmp_path, strategy="multiscale", levels=2, batch_sizes=[4, 2], steps=2)
    run(several)
    assert "Note: '1' (BatchNorm2d) normalizes by the other samples" in capsys.readouterr().out
    assert "freeze_batch_norm" in several.directory.events.read_text()


def test_they_are_fine_where_no_levels_are_summed(tmp_path, capsys):
    run(small(tmp_path, strategy="single", batch_sizes=[2], steps=2))
    assert "Note:" not in capsys.readouterr().out


def test_what_was_left_out_of_a_folder_is_said_and_noted(tmp_path, capsys):
    photos = tmp_path / "photos"
    photos.mkdir()
    random = np.random.default_rng(0)
    for k in range(3):
        Image.fromarray(random.integers(0, 256, (24, 24, 3), np.uint8)).save(photos / f"{k}.png")
    (photos / "._0.png").write_bytes(b"")
    config = small(tmp_path, batch_sizes=[2], steps=2, data=str(photos))
    run(config)
    assert "Note: left out hidden files (1)." in capsys.readouterr().out
    assert "left out hidden files (1)" in config.directory.events.read_text()
