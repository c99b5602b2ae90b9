"""Finds picture files; reads one as a BGR array, and refuses what is damaged or too large.

OpenCV decodes; this room guards it: some of its versions return a truncated JPEG half grey without an error,
and all of them talk to stderr while they fail.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from edgecnn import MAX_MEGAPIXELS
from edgecnn.errors import ImageError
from edgecnn.quiet import quiet_stderr
from edgecnn.regular_file import read_regular

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"})

# In compressed JPEG data FF is followed by 00 (a stuffed byte), by a restart marker, or by a real marker.
_JPEG_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
# The segments that tell a JPEG's size (start of frame), and those without a length.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


def list_images(path: Path) -> list[Path]:
    """Return the image files below a folder, sorted, hidden ones left out; or the one file itself.

    Raises ImageError for a folder without any.
    """
    if not os.path.isdir(path):  # noqa: PTH112 - pathlib's raises where a folder may not be entered
        return [path]
    found = [
        p
        for p in sorted(path.rglob("*"))
        if p.suffix.lower() in EXTENSIONS
        and p.is_file()
        and not any(part.startswith(".") for part in p.relative_to(path).parts)
    ]
    if not found:
        raise ImageError(f"{path} has no pictures in it ({', '.join(sorted(EXTENSIONS))})")
    return found


def read_image(path: str | os.PathLike[str], least: int | None = None) -> NDArray[np.uint8]:
    """Read a picture as uint8 H×W×3 BGR, turned as its EXIF orientation says.

    16-bit, grey, RGBA and CMYK pictures are converted.

    Parameters
    ----------
    least
        How long the shorter side has to be at least, in pixels; see `reduction`. None for the full size.

    Raises
    ------
    ImageError
        Where it can't be read or decoded.
    """
    data = read_file(path)
    return decode_image(data, str(path), reduce=reduction(data, least))


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Read a picture's file. Raises ImageError."""
    try:
        return read_regular(path)
    except OSError as error:
        raise ImageError(f"{path} can't be read: {error.strerror}") from error


def decode_image(data: bytes, source: str, *, quiet: bool = True, reduce: int = 1) -> NDArray[np.uint8]:
    """Decode a picture from its bytes; like `read_image`, with `source` for the messages.

    Parameters
    ----------
    quiet
        Keeps OpenCV off stderr, and with it all other threads for that time: not for a stream.
    reduce
        1, or for a JPEG 2, 4 or 8: its sides become so many times shorter, each pixel the mean of those that
        it stands for. That takes less time than to decode it in full.
    """
    import cv2
    import numpy as np

    if not data:
        raise ImageError(f"{source} is empty (0 bytes)")
    if data[:2] == b"\xff\xd8" and jpeg_end(data) is None:
        raise ImageError(f"{source} is a JPEG that is cut off ({len(data):,} bytes): copy it again")
    flags = {
        1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4,
        8: cv2.IMREAD_REDUCED_COLOR_8,
    }[reduce]  # fmt: skip
    try:
        with quiet_stderr() if quiet else contextlib.nullcontext():
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        if "CV_IO_MAX_IMAGE" in str(error):
            raise ImageError(
                f"{source} has more than {MAX_MEGAPIXELS} megapixels: make it smaller first"
            ) from error
        raise ImageError(f"{source} can't be decoded: {error.err}") from error
    if image is None:
        raise ImageError(f"{source} is no picture that can be decoded, or a damaged one")
    if image.shape[0] * image.shape[1] > MAX_MEGAPIXELS * 1_000_000:
        raise ImageError(f"{source} has more than {MAX_MEGAPIXELS} megapixels: make it smaller first")
    return image  # type: ignore[return-value]


def reduction(data: bytes, least: int | None) -> int:
    """Return how many times smaller a file can be decoded with `least` pixels left along its shorter side.

    1 for what is no JPEG, and for a `least` of None.
    """
    if least is None or (size := jpeg_size(data)) is None:
        return 1
    return next((times for times in (8, 4, 2) if min(size) >= times * least), 1)


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Return the width and height that a JPEG's header tells, before any rotation; None where it doesn't."""
    at = 2
    while data[:2] == b"\xff\xd8" and at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _JPEG_FRAMES:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        if marker == 0xFF:
            at += 1
        elif marker in _JPEG_BARE:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def jpeg_end(data: bytes) -> int | None:
    """Return where the JPEG at the beginning of these bytes ends, behind its last marker.

    None where that marker is not there. Walks the segments (ITU-T T.81, annex B).
    """
    at = 2
    while at + 2 <= len(data):
        found = _JPEG_MARKER.search(data, at)
        if found is None:
            return None
        marker, at = data[found.start() + 1], found.end()
        if marker == 0xD9:
            return at
        if marker in (0x01, 0xD8):
            continue
        # Skipping the segment's own bytes keeps a thumbnail's end marker from counting.
        at += int.from_bytes(data[at : at + 2], "big")
    return None
