"""AVIF (AV1 in ISO/IEC 23008-12's boxes): the largest size that its properties state.

The AV1 stream inside may have another size, so it is always decoded in the process with limits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.image.header import OVERHEAD, Alpha, Claim, HeaderError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PER_PIXEL, _WITH_ALPHA = 20.5, 42.0
_MOST_BOXES = 10_000
_PROPERTIES = (b"auxC", b"irot", b"imir", b"pixi")
# EXIF's orientation by the boxes irot (quarters to the left) and then imir (0 turns it upside down, 1 left to
# right, -1 for none), which OpenCV does not apply.
_ORIENTATIONS = {
    (0, -1): 1, (0, 1): 2, (2, -1): 3, (0, 0): 4, (1, 0): 5, (3, -1): 6, (3, 0): 7, (1, -1): 8,
    (1, 1): 7, (2, 0): 2, (2, 1): 4, (3, 1): 5,
}  # fmt: skip
# The bytes in front of the boxes inside a box.
_INSIDE = {b"meta": 4, b"iprp": 0, b"ipco": 0}


def is_avif(start: bytes) -> bool:
    """Whether a file that begins with these bytes (its first box, `ftyp`) claims to be AVIF."""
    if start[4:8] != b"ftyp":
        return False
    brands = start[8 : min(int.from_bytes(start[:4], "big"), 256)]
    return any(brands[k : k + 4] in (b"avif", b"avis") for k in range(0, len(brands), 4) if k != 4)


def read(data: bytes | bytearray, _: int) -> Claim:
    """Read an AVIF's boxes as far as its properties; see `read_claim`."""
    sizes: list[tuple[int, int]] = []
    first: dict[bytes, bytes] = {}
    count = 0
    waiting = [(0, len(data))]
    while waiting:
        for kind, start, end in _boxes(data, *waiting.pop()):
            count += 1
            if count > _MOST_BOXES:
                raise HeaderError(f"is an AVIF image of more than {_MOST_BOXES:,} boxes: it is damaged")
            if kind in _INSIDE:
                waiting.append((start + _INSIDE[kind], end))
            elif kind == b"ispe" and end - start >= 12:
                width, height = (int.from_bytes(data[k : k + 4], "big") for k in (start + 4, start + 8))
                sizes.append((width, height))
            elif kind in _PROPERTIES:
                first.setdefault(kind, bytes(data[start : min(end, start + 8)]))
    if not sizes:
        raise HeaderError("is an AVIF image that does not state its size: it is damaged")
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    memory = int((_WITH_ALPHA if b"auxC" in first else _PER_PIXEL) * width * height) + OVERHEAD
    return Claim(width, height, memory, bounded=False, alpha=_alpha(first))


def _alpha(first: dict[bytes, bytes]) -> Alpha | None:
    """Return what OpenCV does not apply: the alpha and the orientation."""
    quarters = (first.get(b"irot") or b"\0")[0] & 3
    mirror = first[b"imir"][0] & 1 if first.get(b"imir") else -1
    if b"auxC" not in first and (quarters, mirror) == (0, -1):
        return None
    depth = (first.get(b"pixi") or bytes(6))[5:6] or b"\0"
    return Alpha(
        orientation=_ORIENTATIONS[quarters, mirror], never_turned=True, depth=min(16, max(8, depth[0]))
    )


def _boxes(data: bytes | bytearray, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the boxes between two offsets: their type, and the start and end of their content."""
    while at + 8 <= end:
        size, head = int.from_bytes(data[at : at + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if size == 0:
            size = end - at
        if size < head or at + size > end:
            raise HeaderError(f"is an AVIF image that is truncated ({len(data):,} bytes): copy it again")
        yield bytes(data[at + 4 : at + 8]), at + head, at + size
        at += size
