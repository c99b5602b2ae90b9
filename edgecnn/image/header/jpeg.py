"""JPEG (ITU-T T.81, annex B): its segments, size and scans.

Each scan goes over all blocks again, also where it has no data: 20,000 empty ones in 2 MB keep a decoder busy
for minutes. Encoders write about ten.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from edgecnn.image.header import OVERHEAD, PER_PIXEL, Claim, HeaderError

# libtiff refuses more of them too. A photo with a thousand segments has a large profile or many thumbnails.
MOST_SCANS = 100
MOST_SEGMENTS = 10_000
# Scans times pixels: 0.2 to 0.4 s on a desktop, where a scan has no data.
MOST_SCANNED = 1_000_000_000

# In compressed JPEG data FF is followed by 00 (a stuffed byte), by a restart marker, or by a real marker.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
# The segments that state a JPEG's size (start of frame), those of them with many scans, and those without a
# length.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


class JpegFrame(NamedTuple):
    """A start of frame; `samples` is the mean number of samples per pixel."""

    width: int
    height: int
    components: int
    samples: float


def read(data: bytes | bytearray, reduce: int) -> Claim:
    """Read a whole JPEG; see `read_claim`."""
    frame: JpegFrame | None = None
    progressive = partial = False
    scans = segments = 0
    at = 2
    while found := _MARKER.search(data, at):
        marker, at = data[found.start() + 1], found.end()
        if marker == 0xD9:
            break
        segments += 1
        if segments > MOST_SEGMENTS:
            raise HeaderError(
                f"is a JPEG of more than {MOST_SEGMENTS:,} segments: it is damaged, or malicious"
            )
        if marker in (0x01, 0xD8):
            continue
        if marker == 0xDA:
            scans += 1
            if scans > MOST_SCANS:
                raise HeaderError(
                    f"is a JPEG of more than {MOST_SCANS} scans: save it again, as a baseline JPEG"
                )
            partial = partial or (frame is not None and data[at + 2 : at + 3] != bytes([frame.components]))
        elif marker in _FRAMES and frame is None:
            frame, progressive = _frame(data, at), marker in _PROGRESSIVE
        # Skipping the segment's own bytes keeps a thumbnail's end marker from counting.
        at += int.from_bytes(data[at : at + 2], "big")
    else:
        raise HeaderError(f"is a JPEG that is truncated ({len(data):,} bytes): copy it again")
    if frame is None:
        raise HeaderError("is a JPEG that does not state its size: it is damaged")
    return _claim(frame, reduce, scans, whole=progressive or partial or scans > 1)


def _claim(frame: JpegFrame, reduce: int, scans: int, *, whole: bool) -> Claim:
    """Compute the claim; with `whole`, all coefficients are kept until the last scan, 2 bytes each."""
    shown = -(-frame.width // reduce) * -(-frame.height // reduce)
    coefficients = 2 * frame.samples * (frame.width + 64) * (frame.height + 64) if whole else 0
    memory = max(PER_PIXEL * shown, PER_PIXEL / 2 * shown + coefficients)
    bounded = scans * frame.width * frame.height <= max(MOST_SCANNED, frame.width * frame.height)
    return Claim(frame.width, frame.height, int(memory) + OVERHEAD, bounded)


def _frame(data: bytes | bytearray, at: int) -> JpegFrame:
    """Read a start of frame, after its marker."""
    head = data[at : at + 8]
    if len(head) < 8:
        raise HeaderError("is a JPEG that is truncated in its header: copy it again")
    parts = data[at + 8 : at + 8 + 3 * head[7]]
    factors = [(p >> 4, p & 15) for p in parts[1::3]]
    if not 1 <= len(factors) <= 4 or not all(1 <= h <= 4 and 1 <= v <= 4 for h, v in factors):
        raise HeaderError(f"is a JPEG with {head[7]} components of impossible sampling: it is damaged")
    most = max(h for h, _ in factors) * max(v for _, v in factors)
    width, height = int.from_bytes(head[5:7], "big"), int.from_bytes(head[3:5], "big")
    return JpegFrame(width, height, len(factors), sum(h * v for h, v in factors) / most)


def jpeg_size(data: bytes | bytearray) -> tuple[int, int] | None:
    """Return the width and height in a JPEG's header, before any rotation; None where it has none."""
    at = 2
    for _ in range(MOST_SEGMENTS if data[:2] == b"\xff\xd8" else 0):
        if at + 9 > len(data) or data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker in _FRAMES:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        if marker == 0xFF:
            at += 1
        elif marker in _BARE:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def jpeg_end(data: bytes) -> int | None:
    """Return where the JPEG at the beginning of these bytes ends, after its last marker.

    None where that marker is missing.
    """
    at = 2
    while found := _MARKER.search(data, at):
        marker, at = data[found.start() + 1], found.end()
        if marker == 0xD9:
            return at
        if marker not in (0x01, 0xD8):
            at += int.from_bytes(data[at : at + 2], "big")
    return None
