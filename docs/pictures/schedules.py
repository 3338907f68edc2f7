"""Schedules side by side, as the gallery draws them."""

from __future__ import annotations

import io
import runpy
import warnings
from contextlib import redirect_stdout
from pathlib import Path

from charts import plots, save

SCRIPT = Path(__file__).parent.parent / "gallery/plot_09_strategies.py"


def draw() -> None:
    plots(1, 1)  # sets how all pictures look
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")
        figure = runpy.run_path(str(SCRIPT))["figure"]
    save(figure, "schedules.svg", "python docs/pictures")


PICTURES = {"schedules.svg": draw}
