"""JPEG and PNG without their metadata, for those whose metadata a decoder stumbles over."""

from __future__ import annotations

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"IDAT", b"IEND"})
APPLICATION, ADOBE, COMMENT, SCAN, EXIF = range(0xE0, 0xF0), 0xEE, 0xFE, 0xDA, 0xE1


def without_metadata(content: bytes) -> tuple[bytes, bytes] | None:
    """The same JPEG or PNG with what its pixels need alone; and its EXIF. None for other formats.

    Pixels are not checked: what is damaged there, stays so.
    """
    if content.startswith(SIGNATURE):
        return _bare_png(content)
    if content.startswith(b"\xff\xd8"):
        return _bare_jpeg(content)
    return None


def _bare_png(content: bytes) -> tuple[bytes, bytes]:
    kept, exif, at = [SIGNATURE], b"", len(SIGNATURE)
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, end = content[at + 4 : at + 8], at + 12 + length
        if kind in NEEDED:
            kept.append(content[at:end])
        elif kind == b"eXIf" and _is_whole(content[at + 4 : end]):
            exif = content[at + 8 : end - 4]
        at = end
    return b"".join(kept), exif


def _is_whole(chunk: bytes) -> bool:
    return len(chunk) > 8 and struct.pack(">I", zlib.crc32(chunk[:-4])) == chunk[-4:]


def _bare_jpeg(content: bytes) -> tuple[bytes, bytes]:
    kept, exif, at = [content[:2]], b"", 2
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != SCAN:
        marker = content[at + 1]
        (length,) = struct.unpack_from(">H", content, at + 2)
        segment = content[at : at + 2 + length]
        sound_adobe = marker == ADOBE and len(segment) >= 16
        if sound_adobe or not (marker in APPLICATION or marker == COMMENT):
            kept.append(segment)
        elif marker == EXIF and segment[4:10] == b"Exif\0\0":
            exif = segment[4:]
        at += 2 + length
    return b"".join([*kept, content[at:]]), exif
