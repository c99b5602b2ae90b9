"""EXIF's orientation (CIPA DC-008, as TIFF 6.0 has tags): the rotation that turns an image upright."""

from __future__ import annotations

import struct

_ORIENTATION, _SHORT = 0x0112, 3
_MOST_TAGS = 1000


def orientation(exif: bytes) -> int:
    """Return the orientation, 1 to 8; 1 where these bytes do not state it."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, at)
        for place in range(at + 2, at + 2 + 12 * min(count, _MOST_TAGS), 12):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", exif, place)
            if (tag, kind) == (_ORIENTATION, _SHORT):
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1
