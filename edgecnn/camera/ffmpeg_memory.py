"""Limits the memory that FFmpeg takes for a frame, whatever size the video's header claimed.

OpenCV passes no limit on to the decoder, which allocates by what the frames themselves say. FFmpeg has a
limit for each block that it allocates: a plane of a frame, such as its brightness, or the frame as BGR. A
frame that does not fit is not decoded.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

# 8K of 10 bits has 66 MB a plane; 50 megapixels of 8 bits have 50, and 150 as BGR.
PLANE_BYTES = 70_000_000
BGR_BYTES = 160_000_000


def limit_blocks(most: int = PLANE_BYTES) -> None:
    """Have FFmpeg allocate no block of more bytes, in all of this process.

    Does nothing where FFmpeg is no shared library that can be found (on Linux it is).
    """
    for limit in _limiters():
        limit(most)


def read_frame(capture: Any, name: str) -> NDArray[np.uint8] | None:
    """Return the next frame of a `cv2.VideoCapture` of FFmpeg's, uint8 H×W×3 BGR; None where none comes.

    Raises CameraError for a frame that is too large.
    """
    if not capture.grab():
        return None
    limit_blocks(BGR_BYTES)
    try:
        granted, pixels = capture.retrieve()
    finally:
        limit_blocks()
    if not granted:
        raise CameraError(f"{name} has a frame that is too large: make it smaller first")
    return pixels  # type: ignore[no-any-return]


@cache
def _limiters() -> tuple[Callable[[int], object], ...]:
    """Return `av_max_alloc` of each libavutil in this process (libavutil/mem.h)."""
    found: list[Callable[[int], object]] = []
    with suppress(OSError, AttributeError):
        maps = Path("/proc/self/maps").read_text("utf-8", "surrogateescape")
        paths = {line.split(maxsplit=5)[5] for line in maps.splitlines() if "/libavutil" in line}
        for path in sorted(paths):
            limit = ctypes.CDLL(path).av_max_alloc
            limit.argtypes, limit.restype = [ctypes.c_size_t], None
            found.append(limit)
    return tuple(found)
