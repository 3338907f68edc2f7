"""What a built site must have: a search that finds, and pictures and notebooks in the gallery."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.util import logging

logger = logging.getLogger(__name__)
WORDS = ("telescop", "nois", "schedul", "resum")
"""Stems that a reader looks for."""


def check(app: Any, error: Exception | None) -> None:
    """Warnings, which `make docs` takes for errors, about what is missing."""
    if error is not None or app.builder.format != "html":
        return
    index = Path(app.outdir, "searchindex.js").read_text(encoding="utf-8")
    for word in WORDS:
        if word not in index:
            logger.warning("the search knows nothing of %r", word)
    if str(app.config.sphinx_gallery_conf["plot_gallery"]) not in ("True", "1"):
        return
    made = Path(app.srcdir, "auto_gallery")
    for script in sorted(Path(app.srcdir, "gallery").glob("plot_*.py")):
        if not (made / f"{script.stem}.ipynb").exists():
            logger.warning("the gallery has no notebook of %s", script.name)
        if not list((made / "images").glob(f"sphx_glr_{script.stem}_*.png")):
            logger.warning("the gallery has no picture of %s", script.name)


def setup(app: Any) -> dict[str, bool]:
    app.connect("build-finished", check)
    return {"parallel_read_safe": True}
