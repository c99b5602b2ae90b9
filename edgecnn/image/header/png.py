"""PNG (https://www.w3.org/TR/png-3/): its chunks, size, and its packed bytes.

OpenCV allocates a chunk before it reads it, whatever length the file gives it, up to 4 GB.
"""

from __future__ import annotations

import struct

from edgecnn.image.header import OVERHEAD, PER_CLEAR_PIXEL, PER_PIXEL, Alpha, Claim, HeaderError
from edgecnn.image.header.exif import orientation

MOST_CHUNKS = 100_000
# Texts and profiles are unpacked too, twice, up to 8 MB each; 64 KiB of them take half a second at most.
MOST_PACKED_TEXT = 1 << 16
# Deflate's largest ratio.
_DEFLATE = 1032
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_CHUNK = struct.Struct(">I4s")


def read(data: bytes | bytearray, _: int) -> Claim:
    """Read a whole PNG; see `read_claim`."""
    width, height, depth, color = _header(data)
    pixels, texts, animated, transparent = 0, 0, False, color > 3
    clear_grey, turned = None, 1
    at = 8
    for _chunk in range(MOST_CHUNKS):
        name, length = _chunk_at(data, at)
        if name == b"IEND":
            break
        if name == b"IDAT":
            pixels += length
        elif name in (b"zTXt", b"iTXt", b"iCCP"):
            texts += length
        # Decoders differ in which of several acTL counts, so each of these chunks makes it an animation.
        animated = animated or name in (b"acTL", b"fcTL", b"fdAT")
        if name == b"tRNS":
            transparent = True
            if color == 0 and length >= 2:
                # The decoder widens levels of fewer bits than eight.
                level = int.from_bytes(data[at + 8 : at + 10], "big")
                clear_grey = level if depth == 16 else level * 255 // ((1 << depth) - 1)
        elif name == b"eXIf":
            turned = orientation(bytes(data[at + 8 : at + 8 + length]))
        at += 12 + length
    else:
        raise HeaderError(f"is a PNG of more than {MOST_CHUNKS:,} chunks: it is damaged, or malicious")
    if (pixels + 1) * _DEFLATE < (width * depth * _CHANNELS[color] + 7) // 8 * height:
        raise HeaderError(
            f"is a PNG that claims {width:,}×{height:,} pixels and has {pixels:,} bytes for them: "
            "it is damaged"
        )
    count = width * height
    memory = (PER_CLEAR_PIXEL * (2 if depth == 16 else 1) if transparent else PER_PIXEL) * count
    if animated:
        # Three frames with all their channels, then the result.
        channels = 1 if color == 0 and not transparent else 4 if transparent else 3
        memory = count * (3 * channels * (2 if depth == 16 else 1) + 8)
    alpha = Alpha(clear_grey=clear_grey, orientation=turned) if transparent else None
    return Claim(width, height, int(memory) + OVERHEAD, not animated and texts <= MOST_PACKED_TEXT, alpha)


def _header(data: bytes | bytearray) -> tuple[int, int, int, int]:
    name, length = _chunk_at(data, 8)
    if (name, length) != (b"IHDR", 13):
        raise HeaderError(f"is a PNG that begins with {name!r}, expected its header (IHDR): it is damaged")
    width, height, depth, color, packing, filtering, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    if depth not in _DEPTHS.get(color, ()) or packing or filtering or interlace > 1:
        raise HeaderError(f"is a PNG of an unknown kind (depth {depth}, colour {color}): it is damaged")
    return width, height, depth, color


def _chunk_at(data: bytes | bytearray, at: int) -> tuple[bytes, int]:
    """Return a chunk's name and length, once both lie within the file."""
    left = len(data) - at - 12
    if left < 0:
        raise HeaderError(f"is a PNG that is truncated ({len(data):,} bytes): copy it again")
    length, name = _CHUNK.unpack_from(data, at)
    if not name.isalpha():
        raise HeaderError(f"is a PNG with a chunk called {name!r} at byte {at:,}: it is damaged")
    if length > left:
        raise HeaderError(
            f"is a PNG that is truncated: its chunk {name.decode('ascii')} at byte {at:,} claims {length:,} "
            f"bytes, {left:,} exist: copy it again"
        )
    return name, length
