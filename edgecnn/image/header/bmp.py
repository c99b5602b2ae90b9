"""BMP: the header of Windows or OS/2, and whether all rows are present."""

from __future__ import annotations

import struct

from edgecnn.image.header import OVERHEAD, PER_PIXEL, Claim, HeaderError


def read(data: bytes | bytearray, _: int) -> Claim:
    """Read a BMP's headers; see `read_claim`."""
    if len(data) < 54 and (len(data) < 26 or data[14] != 12):
        raise HeaderError(f"is a BMP that is truncated ({len(data):,} bytes): copy it again")
    offset, size = struct.unpack_from("<II", data, 10)
    if size == 12:
        width, height, _planes, bits = struct.unpack_from("<HHHH", data, 18)
        packing = 0
    elif 36 <= size <= len(data) - 14:
        width, height, _planes, bits, packing = struct.unpack_from("<iiHHI", data, 18)
    else:
        raise HeaderError(
            f"is a BMP with a header of {size:,} bytes, expected 12, or 36 and more: it is damaged"
        )
    height = abs(height)  # negative where the first row is at the top
    # Runs of equal pixels (1 and 2) can be any length.
    rows = (max(width, 0) * bits + 31) // 32 * 4 * height if packing in (0, 3) else 0
    if offset + rows > len(data):
        raise HeaderError(
            f"is a BMP that is truncated: {width:,}×{height:,} pixels take {offset + rows:,} bytes, "
            f"{len(data):,} exist: copy it again"
        )
    return Claim(width, height, int(PER_PIXEL * width * height) + OVERHEAD, bounded=True)
