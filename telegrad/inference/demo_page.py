"""A page that restores a picture that is given to it, for the machine that it runs on."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from telegrad.data.image_reading import read_image
from telegrad.data.picture import picture_of
from telegrad.inference.model import Model
from telegrad.inference.restore import restore_files

HERE = "127.0.0.1"
"""The only address that the page is served at: this machine's own."""

POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; form-action 'self'; "
    "frame-ancestors 'self'"
)
"""What the page may ask for: itself, and nothing from elsewhere."""

STYLE = """
footer { display: none !important; }
.gradio-container { max-width: 72rem !important; }
"""

MOST_SHOWN = 1600
"""Largest height and width of a picture as the page shows it; the file has all of it."""


def restored_upload(
    model: Model,
    upload: str | Path,
    out: Path,
    noise: float | None = None,
    tile: int | None = None,
    max_pixels: int | None = None,
) -> tuple[Image.Image, Image.Image, Path, str]:
    """A picture restored as `telegrad restore` does it.

    Args:
        model: trained.
        upload: the picture's file.
        out: a folder, for the restored file.
        noise, tile, max_pixels: as `restore_files`.

    Returns:
        the picture before and after, to be shown; the restored file; and what was not kept.

    Raises:
        ValueError: if it can't be restored.
    """
    notes: list[str] = []
    written, failed = restore_files(
        model, upload, out, noise, tile, overwrite=True, max_pixels=max_pixels, note=notes.append
    )
    if not written:
        raise ValueError("; ".join(failed))
    words = [what.replace(f"{upload}: ", "") for what in (*notes, *failed)]
    said = "\n\n".join(what[:1].upper() + what[1:] for what in words)
    before, after = _shown(Path(upload), max_pixels), _shown(written[0], None)
    if before.size != after.size:  # of super-resolution; pixels stay pixels
        before = before.resize(after.size, Image.Resampling.NEAREST)
    return before, after, written[0], said


def _shown(file: Path, max_pixels: int | None) -> Image.Image:
    """The first picture of a file as 8-bit RGB, no larger than a page has room for."""
    rgb = picture_of(read_image(file, max_pixels).frames[0]).rgb
    pixels = (rgb * 255).round().byte().permute(1, 2, 0).numpy()
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((MOST_SHOWN, MOST_SHOWN))
    return image


def demo_page(restored: Callable[[str, Path], tuple[Any, ...]], title: str) -> tuple[Any, Path]:
    """The page, and the folder for what it restores, which is the caller's to remove.

    Args:
        restored: as `restored_upload`, of a file and a folder.
        title: what it restores with.

    Raises:
        ValueError: if gradio is not installed.
    """
    os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
    try:
        import gradio
    except ModuleNotFoundError as error:
        raise ValueError(
            f"demo: needs a package that is not here ({error}); install it with: pip install "
            f"'telegrad[demo]'."
        ) from error
    folder = Path(tempfile.mkdtemp(prefix="telegrad-demo-"))

    def restore(upload: str | None) -> tuple[Any, Any, str]:
        if upload is None:
            return None, None, ""
        out = Path(tempfile.mkdtemp(dir=folder))
        try:
            before, after, file, said = restored(upload, out)
        except (ValueError, OSError, MemoryError) as error:
            shutil.rmtree(out)
            words = str(error).replace(str(upload), Path(upload).name)
            raise gradio.Error(words, print_exception=False) from error
        return (before, after), str(file), said

    with gradio.Blocks(
        title="telegrad", analytics_enabled=False, delete_cache=(3600, 3600)
    ) as page:
        gradio.Markdown(f"# Restore a picture\n{title} It stays on this machine.")
        with gradio.Row():
            upload = gradio.File(label="Picture", type="filepath", scale=1)
            result = gradio.File(label="Restored file", interactive=False, scale=1)
        slider = gradio.ImageSlider(
            label="Before and after", format="png", interactive=False, max_height=900,
            buttons=["fullscreen"],
        )  # fmt: skip
        notes = gradio.Markdown()
        upload.change(restore, upload, [slider, result, notes], api_name="restore")
    return page, folder


def serve(page: Any, folder: Path, port: int | None = None, browser: bool = False) -> str:
    """Serves the page to this machine alone, and returns its address at once.

    Raises:
        OSError: if the port is taken, or all that were tried.
    """
    import gradio
    from starlette.middleware import Middleware

    _, address, _ = page.launch(
        server_name=HERE,
        server_port=port,
        share=False,
        inbrowser=browser,
        quiet=True,
        prevent_thread_lock=True,
        show_error=True,
        ssr_mode=False,
        enable_monitoring=False,
        allowed_paths=[str(folder)],
        theme=gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
        css=STYLE,
        app_kwargs={"middleware": [Middleware(_WithPolicy)]},
    )
    return str(address)


class _WithPolicy:
    """Tells browsers with every answer what the page may ask for."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sends(message: Any) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", POLICY.encode())
                message["headers"] = [*message.get("headers", ()), policy]
            await send(message)

        await self.app(scope, receive, sends)
