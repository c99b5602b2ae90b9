"""WebP (RFC 9649): the size of its canvas, and its compression.

Lossless images and transparency have any number of tables, an animation has frames: only a plain lossy image
is bounded by its size, and a small file by having no room for many tables.
"""

from __future__ import annotations

from edgecnn.image.header import OVERHEAD, PER_PIXEL, Alpha, Claim, HeaderError
from edgecnn.image.header.exif import orientation

_LOSSLESS, _ANIMATED = 8.5, 12.5
# A group of tables takes at least 20 bits in the file, and up to 11 KB of memory.
_SMALL = 1 << 14
_TABLES = 11_000 * 8 // 20
# EXIF follows the image, or the frames of an animation.
_MOST_CHUNKS = 1000


def read(data: bytes | bytearray, _: int) -> Claim:
    """Read a WebP's first chunk; see `read_claim`."""
    claimed = int.from_bytes(data[4:8], "little") + 8
    if len(data) < 32 or claimed > len(data):
        raise HeaderError(
            f"is a WebP image that is truncated: it claims {claimed:,} bytes, {len(data):,} exist: "
            "copy it again"
        )
    kind, body = bytes(data[12:16]), data[20:32]
    small = len(data) <= _SMALL
    tables = _TABLES * len(data) if small else 0
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(body[k : k + 2], "little") & 0x3FFF for k in (6, 8))
        return _claim(width, height, PER_PIXEL, 0, bounded=True)
    if kind == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        alpha = Alpha() if bits >> 28 & 1 else None
        return _claim((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, _LOSSLESS, tables, alpha, bounded=small)
    if kind == b"VP8X":
        width, height = (int.from_bytes(body[k : k + 3], "little") + 1 for k in (4, 7))
        animated = bool(body[0] & 2)
        alpha = Alpha(orientation=_orientation(data)) if body[0] & 0x10 else None
        per_pixel = _ANIMATED if animated else _LOSSLESS
        return _claim(width, height, per_pixel, tables, alpha, bounded=small and not animated)
    raise HeaderError(f"is a WebP image that begins with {kind!r}, expected VP8, VP8L or VP8X: it is damaged")


def _claim(
    width: int, height: int, per_pixel: float, tables: int, alpha: Alpha | None = None, *, bounded: bool
) -> Claim:
    return Claim(width, height, int(per_pixel * width * height) + tables + OVERHEAD, bounded, alpha)


def _orientation(data: bytes | bytearray) -> int:
    """Return the orientation in the EXIF chunk, 1 where there is none."""
    at = 12
    for _chunk in range(_MOST_CHUNKS):
        name, length = bytes(data[at : at + 4]), int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"EXIF":
            return orientation(bytes(data[at + 8 : at + 8 + length]).removeprefix(b"Exif\0\0"))
        at += 8 + length + length % 2
    return 1
