"""ICC profiles: kept where they are for the colors of what is written, else applied or left out."""

from __future__ import annotations

import io

from PIL import Image

from telegrad.data.image_content import Frame, is_see_through

CONVERTED = {"CMYK": b"CMYK", "LAB": b"Lab "}
"""Modes that become RGB, and the color space of their profiles."""


def colors_of(profile: bytes) -> bytes | None:
    """The color space that an ICC profile is for; None if it is not one."""
    sound = len(profile) >= 128 and profile[36:40] == b"acsp"
    return profile[16:20] if sound else None


def kept_profile(profile: bytes | None, frame: Frame) -> tuple[bytes | None, list[str]]:
    """The ICC profile if it is for the frame's colors, and a note if it is not."""
    if not profile:
        return None, []
    grey = frame.shape[-1] - is_see_through(frame) == 1
    if colors_of(profile) == (b"GRAY" if grey else b"RGB "):
        return profile, []
    return None, ["its ICC profile is not for its colors and was left out"]


def as_srgb(image: Image.Image) -> tuple[Image.Image, str]:
    """CMYK or LAB as RGB, by its profile where there is one; and a note on what became of that."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB"), ""
    try:
        from PIL import ImageCms

        if colors_of(profile) == CONVERTED[image.mode]:
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
            seen = ImageCms.profileToProfile(image, own, srgb, outputMode="RGB")
            if seen is not None:
                return seen, f"it was converted from {image.mode} to sRGB by its profile"
    except Exception:  # a profile may be damaged anywhere
        pass
    return image.convert("RGB"), f"its ICC profile can't be applied to {image.mode}: left out"
