"""TIFF (TIFF 6.0, and BigTIFF): the first page's size, its strips or tiles, and the chain of pages.

libtiff has many compression methods, each with its own decoder, so it never runs without limits.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from edgecnn.image.header import OVERHEAD, Alpha, Claim, HeaderError

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_PAGES = 10_000
_WIDTH, _HEIGHT, _BITS, _SAMPLES, _ROWS, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 258, 277, 278, 322, 323
_PHOTOMETRIC, _EXTRA, _GREY, _RGB, _ASSOCIATED, _STRAIGHT = 262, 338, 1, 2, 1, 2
_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}


class _Layout:
    """The byte order of this file, and the sizes of a directory's parts."""

    def __init__(self, data: bytes | bytearray) -> None:
        self.data = data
        self.order = "<" if data[:1] == b"I" else ">"
        self.big = 43 in data[2:4]
        self.offset = "Q" if self.big else "I"
        self.count = "Q" if self.big else "H"
        self.entry = "HHQ" if self.big else "HHI"

    def take(self, kinds: str, at: int) -> tuple[int, ...]:
        """Read numbers at an offset."""
        try:
            return struct.unpack_from(self.order + kinds, self.data, at)
        except (struct.error, OverflowError) as error:
            raise HeaderError(
                f"is a TIFF that is truncated: byte {at:,} is asked for, {len(self.data):,} exist: "
                "copy it again"
            ) from error


def read(data: bytes | bytearray, _: int) -> Claim:
    """Read a TIFF's first directory; see `read_claim`."""
    layout = _Layout(data)
    directories = _directories(layout)
    tags = _tags(layout, next(directories))
    for _page in directories:
        pass
    if _WIDTH not in tags or _HEIGHT not in tags:
        raise HeaderError("is a TIFF without a size: it is damaged")
    width, height = tags[_WIDTH], tags[_HEIGHT]
    strip = width * min(tags.get(_ROWS, height), height)
    unit = tags.get(_TILE_WIDTH, 0) * tags.get(_TILE_HEIGHT, 0) or strip
    sample = tags.get(_SAMPLES, 1) * -(-tags.get(_BITS, 1) // 8)
    # The strip or tile: packed, unpacked, and as pixels.
    bits, samples = tags.get(_BITS, 1), tags.get(_SAMPLES, 1)
    alpha, channels = None, 3
    if samples == 4 and tags.get(_PHOTOMETRIC) == _RGB:
        # Of 8 bits the decoder multiplies; where the file does not say what its alpha is, it does not.
        multiplied = _ASSOCIATED, *((_STRAIGHT,) if bits <= 8 else ())
        alpha = Alpha(premultiplied=tags.get(_EXTRA) in multiplied)
        channels = 4 if bits <= 8 else 8
    elif samples == 2 and tags.get(_PHOTOMETRIC, 0) <= _GREY and tags.get(_EXTRA) in (_ASSOCIATED, _STRAIGHT):
        raise HeaderError("is a gray TIFF with transparency, which can't be decoded here: save it as PNG")
    count = width * height
    memory = (channels + 0.25) * count + max(channels * count, unit * (4 + 2 * sample))
    return Claim(width, height, int(memory) + OVERHEAD, bounded=False, alpha=alpha)


def _directories(layout: _Layout) -> Iterator[int]:
    """Yield the offset of each page's directory."""
    (at,) = layout.take(layout.offset, 8 if layout.big else 4)
    seen: set[int] = set()
    while at not in seen and 0 < at < len(layout.data):
        if len(seen) == MOST_PAGES:
            raise HeaderError(f"is a TIFF of more than {MOST_PAGES:,} pages: it is damaged, or malicious")
        seen.add(at)
        yield at
        (count,) = layout.take(layout.count, at)
        at += struct.calcsize("<" + layout.count) + count * (20 if layout.big else 12)
        # Some writers leave the last page's pointer out, or point to nowhere: the first page is all we need.
        (at,) = layout.take(layout.offset, at) if at + 8 <= len(layout.data) else (0,)
    if not seen:
        raise HeaderError(
            f"is a TIFF that is truncated: its first page is at byte {at:,}, {len(layout.data):,} exist: "
            "copy it again"
        )


def _tags(layout: _Layout, at: int) -> dict[int, int]:
    """Return the first value of each whole number in a directory."""
    (count,) = layout.take(layout.count, at)
    at += struct.calcsize("<" + layout.count)
    size, room = (20, 8) if layout.big else (12, 4)
    found: dict[int, int] = {}
    for place in range(at, at + min(count, 1 << 16) * size, size):
        tag, kind, number = layout.take(layout.entry, place)
        if kind not in _TYPES or not number or tag > _EXTRA or tag in found:
            continue
        value = place + struct.calcsize("<" + layout.entry)
        if number * struct.calcsize("<" + _TYPES[kind]) > room:
            (value,) = layout.take(layout.offset, value)
        (found[tag],) = layout.take(_TYPES[kind], value)
    return found
