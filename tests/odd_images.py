"""Small image files of every kind, sound and damaged, and whether `restore` keeps what they hold.

Used by a test with a few hundred of them, and by benchmarks/image_files.py with thousands.
"""

from __future__ import annotations

import hashlib
import struct
import warnings
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import PIL
import png
import tifffile
import torch
from PIL import Image, ImageCms

from telegrad.inference import Model, restore_files
from telegrad.tasks import Objective, PaperDenoising

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MAKE = 271


class Identity(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.somewhere = torch.nn.Parameter(torch.zeros(()))

    def forward(self, x, t=None):
        return x


@dataclass(frozen=True)
class Odd:
    """An image file and what must come of it.

    Attributes:
        file: the image.
        kind: row of the table.
        frames: (h, w, c) each, upright, as they must come back; None if it must be refused.
        damaged: whether anything may come of it but an exception.
        profile, dpi, make: that must come back, if any.
    """

    file: Path
    kind: str
    frames: list | None
    damaged: bool = False
    profile: bytes | None = None
    dpi: tuple | None = None
    make: str | None = None


def model():
    """Gives images back as they are."""
    return Model(None, Objective(PaperDenoising()), Identity())


# --- making them ----------------------------------------------------------------------------------


def odd_images(folder: Path, number: int, seed: int):
    """Writes `number` image files, and yields what must come of each."""
    rng = np.random.default_rng(seed)
    makers = [png8, png16, jpeg, webp, animation, tiff8, tiff_pages, tiff_deep, tiff_number, plain]
    for k in range(number):
        odd = makers[k % len(makers)](folder / f"{k:05d}", rng)
        if rng.random() < 0.3:
            damage(odd.file, rng)
            odd = replace(odd, damaged=True)
        yield odd


def pixels(rng, channels, dtype="u1", shape=None):
    height, width = rng.integers(1, 20, 2) if shape is None else shape
    values = rng.integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype=dtype)
    if channels in (2, 4):  # opaque, but for some pixels in between
        values[..., -1] = np.iinfo(dtype).max
        values[rng.random((height, width)) < 0.2, -1] = rng.integers(1, 200)
    return values


def pillow(values):
    return Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)


def turned(frame, orientation):
    """By Pillow, pixel by pixel."""
    method = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}.get(orientation)
    if method is None:
        return frame
    bands = [np.asarray(Image.fromarray(frame[..., c].astype("i4")).transpose(method))
             for c in range(frame.shape[-1])]  # fmt: skip
    return np.stack(bands, -1).astype(frame.dtype)


def exif(rng):
    """EXIF of some kind: bytes, the orientation in it, the camera that must be kept."""
    kind = rng.choice(["none", "sound", "negative", "garbage", "torn", "huge"])
    orientation = int(rng.integers(0, 11))
    if kind == "none":
        return b"", 1, None
    if kind == "garbage":
        return b"Exif\0\0" + rng.bytes(30), 1, None
    if kind == "negative":
        tags = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
        tags += struct.pack("<HHII", 0x011A, 10, 1, 38)
        tags += struct.pack("<I", 0) + struct.pack("<ii", -1, 0)
        return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + tags, orientation, None
    own = Image.Exif()
    own[0x0112] = orientation
    own[MAKE] = "Camera"
    content = own.tobytes()
    if kind == "torn":
        return content[:24], 1, None
    if kind == "huge":  # a tag that says it has 4 billion values
        return (
            content.replace(
                struct.pack("<HHI", MAKE, 2, 7), struct.pack("<HHI", MAKE, 2, 2**32 - 1)
            ),
            orientation,
            None,
        )
    return content, orientation, "Camera"


def metadata(rng):
    """Options of Pillow's `save`, the orientation, and what of them must be kept."""
    content, orientation, make = exif(rng)
    options, kept = {}, {"make": make}
    if content:
        options["exif"] = content
    profile = rng.choice(3)
    if profile:
        options["icc_profile"] = SRGB if profile == 1 else b"no profile at all"
    kept["profile"] = SRGB if profile == 1 else None
    if rng.random() < 0.3:
        options["dpi"] = kept["dpi"] = (300, 150)
        if orientation in range(5, 9):
            kept["dpi"] = (150, 300)
    return options, orientation, kept


def png8(stem, rng):
    file, mode = stem.with_suffix(".png"), rng.choice(["L", "LA", "RGB", "RGBA", "P", "1", "tRNS"])
    options, orientation, kept = metadata(rng)
    channels = {"L": 1, "1": 1, "LA": 2, "RGBA": 4}.get(mode, 3)
    values = pixels(rng, channels)
    if mode == "1":
        values = (values > 127).astype("u1") * 255
        pillow(values).convert("1").save(file, **options)
    elif mode == "P":
        image = pillow(values).quantize(7)
        values = np.asarray(image.convert("RGB"))
        image.save(file, **options)
    elif mode == "tRNS":
        values = values | 1
        values[0, 0] = 7, 7, 7
        pillow(values).save(file, transparency=(8, 8, 8), **options)
        values = np.concatenate([values, np.full_like(values[..., :1], 255)], -1)
    else:
        pillow(values).save(file, **options)
    if values.shape[-1] < 3:
        kept["profile"] = None
    return Odd(file, f"PNG {mode}", [turned(values, orientation)], **kept)


def png16(stem, rng):
    file, channels = stem.with_suffix(".png"), int(rng.integers(1, 5))
    values = pixels(rng, channels, "u2")
    options = {"greyscale": channels < 3, "alpha": channels in (2, 4), "bitdepth": 16}
    options["interlace"] = bool(rng.integers(2))
    with file.open("wb") as stream:
        rows = values.reshape(len(values), -1).tolist()
        png.Writer(values.shape[1], values.shape[0], **options).write(stream, rows)
    chunks = [(bytes(k), bytes(d)) for k, d in png.Reader(bytes=file.read_bytes()).chunks()]
    kept = {}
    if channels > 2 and rng.integers(2):
        chunks.insert(1, (b"iCCP", b"sRGB\0\0" + zlib.compress(SRGB)))
        kept["profile"] = SRGB
    with file.open("wb") as stream:
        png.write_chunks(stream, chunks)
    return Odd(file, f"PNG 16 bits × {channels}", [values], **kept)


def jpeg(stem, rng):
    file, mode = stem.with_suffix(".jpg"), rng.choice(["L", "RGB", "CMYK"])
    options, orientation, kept = metadata(rng)
    pillow(pixels(rng, 3)).convert(mode).save(file, quality=95, **options)
    if mode != "RGB":
        kept["profile"] = None
    with Image.open(file) as image:
        values = np.asarray(image.convert("L" if mode == "L" else "RGB"))
    values = values[..., None] if mode == "L" else values
    return Odd(file, f"JPEG {mode}", [turned(values, orientation)], **kept)


def webp(stem, rng):
    file, channels = stem.with_suffix(".webp"), int(rng.choice([3, 4]))
    options, orientation, kept = metadata(rng)
    options.pop("dpi", None), kept.pop("dpi", None)
    values = pixels(rng, channels)
    if channels == 4:
        values[0, 0, 3] = 100
    pillow(values).save(file, lossless=True, exact=True, **options)
    return Odd(file, "WebP", [turned(values, orientation)], **kept)


def animation(stem, rng):
    form = rng.choice(["webp", "gif", "png"])
    file, shape = stem.with_suffix(f".{form}"), rng.integers(4, 20, 2)
    frames = [pixels(rng, 3, shape=shape) for _ in range(rng.integers(2, 5))]
    if form == "gif":
        frames = [np.asarray(pillow(f).quantize(50).convert("RGB")) for f in frames]
    first, *others = [pillow(frame) for frame in frames]
    options = {"lossless": True} if form == "webp" else {}
    first.save(file, save_all=True, append_images=others, duration=120, loop=3, **options)
    return Odd(file, f"animated {form.upper()}", frames)


def tiff8(stem, rng):
    file, mode = (
        stem.with_suffix(".tif"),
        rng.choice(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"]),
    )
    if mode == "YCbCr" and int(PIL.__version__.partition(".")[0]) < 13:
        mode = "RGB"  # Pillow 12 can't read the YCbCr that it writes
    values = pixels(rng, {"L": 1, "1": 1, "LA": 2, "RGBA": 4}.get(mode, 3))
    image = pillow(values).quantize(9) if mode == "P" else pillow(values)
    image = (
        image.convert(mode)
        if mode != "LAB"
        else Image.frombytes("LAB", image.size, image.tobytes())
    )
    orientation = int(rng.integers(1, 9))
    options = {"tiffinfo": {274: orientation, MAKE: "Camera"}, "dpi": (300, 150)}
    compression = rng.choice(["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
    if mode == "YCbCr":
        compression = "raw"
    image.save(file, compression=compression, **options)
    form = {"1": "L", "L": "L", "LA": "LA", "RGBA": "RGBA"}.get(mode, "RGB")
    values = np.asarray(image.convert(form))
    values = values if values.ndim == 3 else values[..., None]
    dpi = (150, 300) if orientation in range(5, 9) else (300, 150)
    return Odd(file, f"TIFF {mode}", [turned(values, orientation)], make="Camera", dpi=dpi)


def tiff_pages(stem, rng):
    file, dtype = stem.with_suffix(".tif"), rng.choice(["u1", "u2"])
    frames = [pixels(rng, int(rng.integers(1, 5)), dtype) for _ in range(rng.integers(2, 5))]
    with tifffile.TiffWriter(file, bigtiff=bool(rng.integers(2))) as writer:
        for frame in frames:
            _write_page(writer, frame, rng, iccprofile=None)
    return Odd(file, "TIFF of pages", frames)


def _write_page(writer, frame, rng, **options):
    channels = frame.shape[-1]
    writer.write(
        frame if channels > 1 else frame[..., 0],
        photometric="rgb" if channels > 2 else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=["unassalpha"] if channels in (2, 4) else None,
        compression=rng.choice([None, "zlib"]),
        metadata=None,
        **options,
    )


def tiff_deep(stem, rng):
    file, channels = stem.with_suffix(".tif"), int(rng.integers(1, 5))
    values, orientation = pixels(rng, channels, "u2"), int(rng.integers(0, 10))
    with tifffile.TiffWriter(file, byteorder=rng.choice(["<", ">"])) as writer:
        tags = [(274, 3, 1, orientation, True), (MAKE, 2, 0, "Camera", True)]
        profile = SRGB if channels > 2 else None
        _write_page(writer, values, rng, extratags=tags, iccprofile=profile)
    return Odd(
        file,
        f"TIFF 16 bits × {channels}",
        [turned(values, orientation)],
        make="Camera",
        profile=profile,
    )


def tiff_number(stem, rng):
    """Floating point and wide integers, in range and out of it."""
    file = stem.with_suffix(".tif")
    dtype, channels = (
        rng.choice(["f2", "f4", "f8", "i1", "i2", "i4", "u4", "u8"]),
        int(rng.choice([1, 3])),
    )
    values, inside = pixels(rng, channels, "u2"), bool(rng.integers(2))
    shape = values.shape
    if dtype[0] == "f":
        stored = (values / 65535).astype(dtype)
        values = (stored.astype("f8") * 65535).round().astype("u2")
        if not inside:
            stored.flat[rng.integers(stored.size)] = rng.choice([-0.01, 2, np.inf, np.nan])
    elif dtype in ("i1", "i2"):
        top = np.iinfo(dtype).max
        values = (values % (top + 1)).astype("u2")
        stored = values.astype(dtype)
        inside = inside and dtype == "i2"
        if not inside:
            stored.flat[0] = -1
    else:
        values.flat[0] = 60000
        stored = values.astype(dtype)
        if not inside:
            stored.flat[rng.integers(stored.size)] = 70000
    tifffile.imwrite(
        file,
        stored[..., 0] if channels == 1 else stored,
        photometric="rgb" if channels == 3 else "minisblack",
    )
    return Odd(
        file,
        f"TIFF {dtype}, {'in' if inside else 'out of'} range",
        [values.reshape(shape)] if inside else None,
    )


def plain(stem, rng):
    form, channels = rng.choice(["bmp", "ppm", "ppm16"]), int(rng.choice([1, 3]))
    file = stem.with_suffix("." + form[:3])
    if form == "ppm16":
        values = pixels(rng, channels, "u2")
        magic = b"P5" if channels == 1 else b"P6"
        size = f" {values.shape[1]} {values.shape[0]} 65535\n".encode()
        file.write_bytes(magic + size + values.astype(">u2").tobytes())
    else:
        values = pixels(rng, channels)
        pillow(values).save(file)
    return Odd(file, form.upper(), [values])


def damage(file, rng):
    content = bytearray(file.read_bytes())
    kind = rng.choice(["cut", "flip", "zeros", "double"])
    at = int(rng.integers(0, len(content)))
    if kind == "cut":
        content = content[:at]
    elif kind == "double":
        content = content[:at] + content[at // 2 :]
    else:
        for place in rng.integers(0, len(content), 1 + len(content) // 200):
            content[place] = content[place] ^ (1 << int(rng.integers(8))) if kind == "flip" else 0
    file.write_bytes(content)


# --- what came of them ----------------------------------------------------------------------------


def restored_all(folder: Path, number: int, seed: int):
    """What comes of `number` odd images; see `_restored_all`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _restored_all(folder, number, seed)


def _restored_all(folder: Path, number: int, seed: int):
    """Restores `number` odd images by a network that changes nothing.

    Returns:
        (files, restored, refused) by kind, and the faults in words: none, if all is well.
    """
    table, faults, identity = {}, [], model()
    (folder / "in").mkdir()
    for odd in odd_images(folder / "in", number, seed):
        before = hashlib.sha256(odd.file.read_bytes()).digest()
        notes = []
        kind = f"{odd.kind}, damaged" if odd.damaged and odd.frames else odd.kind
        row = table.setdefault(kind, Counter())
        row["files"] += 1
        try:
            out = folder / "out" / odd.file.name
            written, failed = restore_files(identity, odd.file, out, 0, 64, note=notes.append)
        except Exception as error:
            faults.append(f"{odd.file.name} ({kind}): {type(error).__name__}: {error}")
            continue
        row["restored" if written else "refused"] += 1
        said = fault(odd, written, failed, notes)
        if before != hashlib.sha256(odd.file.read_bytes()).digest():
            said = "the original was changed"
        if said:
            faults.append(f"{odd.file.name} ({kind}): {said}")
    return table, faults


def fault(odd, written, failed, notes):
    """What is wrong with what came of an image, or nothing."""
    if bool(written) == bool(failed):
        return f"written {written}, left out {failed}"
    if failed:
        if odd.file.name not in failed[0]:
            return f"refused without its name: {failed}"
        return f"refused: {failed}" if odd.frames and not odd.damaged else None
    try:
        frames = read_back(written[0])
    except Exception as error:
        return f"what was written can't be read: {error!r}"
    if odd.damaged:
        return None
    if odd.frames is None:
        return "restored, and must be refused"
    if [f.shape for f in frames] != [f.shape for f in odd.frames]:
        return f"{[f.shape for f in frames]} instead of {[f.shape for f in odd.frames]}"
    if not all(np.array_equal(a, b) for a, b in zip(frames, odd.frames, strict=True)):
        return "other pixels"
    return metadata_fault(odd, written[0], notes)


def metadata_fault(odd, file, notes):
    if len(odd.frames) > 1 and file.suffix == ".tif":
        return None
    with Image.open(file) as image:
        exif, info = image.getexif(), image.info
        if exif.get(0x0112, 1) != 1:
            return f"orientation {exif[0x0112]}"
        if odd.make and exif.get(MAKE) != odd.make:
            return f"EXIF {dict(exif)}, {notes}"
        if odd.profile and info.get("icc_profile") != odd.profile:
            return f"no profile, {notes}"
        if odd.dpi and not np.allclose(info.get("dpi", (0, 0)), odd.dpi, atol=0.02):
            return f"dpi {info.get('dpi')} instead of {odd.dpi}"
        if "animated" in odd.kind and (info["loop"], info["duration"]) != (3, 120):
            return f"loop and duration {info}"
    return None


def read_back(file):
    """The frames of a written file, by readers that are not the package's."""
    if file.suffix == ".tif":
        with tifffile.TiffFile(file) as tiff:
            frames = [page.asarray() for page in tiff.pages]
    else:
        with Image.open(file) as image:
            if getattr(image, "is_animated", False):
                frames = []
                for k in range(image.n_frames):
                    image.seek(k)
                    frames.append(np.asarray(image.convert(image.mode.replace("P", "RGB"))))
            else:
                width, height, rows, _ = png.Reader(bytes=file.read_bytes()).asDirect()
                frames = [np.vstack([np.asarray(row) for row in rows]).reshape(height, width, -1)]
    return [frame if frame.ndim == 3 else frame[..., None] for frame in frames]
