"""GIF (https://www.w3.org/Graphics/GIF/spec-gif89a.txt): the size of its screen.

OpenCV decodes the first image only, of an animation too. How long that takes depends on the codes inside,
which may clear the table again and again: 5 µs for three bits. So larger files are decoded with limits.
"""

from __future__ import annotations

import struct

from edgecnn.image.header import OVERHEAD, Alpha, Claim, HeaderError

# BGRA, one index, and a copy of the part that is restored; then what all formats take.
_PER_PIXEL = 14.5
_SMALL = 1 << 14


def read(data: bytes | bytearray, _: int) -> Claim:
    """Read a GIF's screen; see `read_claim`."""
    if len(data) < 13:
        raise HeaderError(f"is a GIF that is truncated ({len(data):,} bytes): copy it again")
    width, height = struct.unpack_from("<HH", data, 6)
    # The flag of a transparent color may be anywhere in the file; it costs little to assume one.
    return Claim(width, height, int(_PER_PIXEL * width * height) + OVERHEAD, len(data) <= _SMALL, Alpha())
