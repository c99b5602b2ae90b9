"""Reads a picture file as a BGR array, and refuses what is damaged or too large.

OpenCV decodes; this room guards it: some of its versions return a truncated JPEG half grey without an error,
and all of them talk to stderr while they fail.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn import MAX_MEGAPIXELS
from edgecnn.errors import ImageError
from edgecnn.quiet import quiet_stderr

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import NDArray

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"})

# In compressed JPEG data FF is followed by 00 (a stuffed byte), by a restart marker, or by a real marker.
_JPEG_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")


def read_image(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read a picture as uint8 H×W×3 BGR, turned as its EXIF orientation says.

    16-bit, grey, RGBA and CMYK pictures are converted. Raises ImageError.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"{path} can't be read: {error.strerror}") from error
    return decode_image(data, str(path))


def decode_image(data: bytes, source: str, *, quiet: bool = True) -> NDArray[np.uint8]:
    """Decode a picture from its bytes; like `read_image`, with `source` for the messages.

    `quiet` keeps OpenCV off stderr, and with it all other threads for that time: not for a stream.
    """
    import cv2
    import numpy as np

    if not data:
        raise ImageError(f"{source} is empty (0 bytes)")
    if data[:2] == b"\xff\xd8" and jpeg_end(data) is None:
        raise ImageError(f"{source} is a JPEG that is cut off ({len(data):,} bytes): copy it again")
    try:
        with quiet_stderr() if quiet else contextlib.nullcontext():
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
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


def jpeg_end(data: bytes) -> int | None:
    """Return where the JPEG at the beginning of these bytes ends, behind its last marker.

    None where that marker is not there. Walks the segments (ITU-T T.81, annex B).
    """
    at = 2
    while at + 4 <= len(data):
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
    return at + 2 if data[at : at + 2] == b"\xff\xd9" else None
