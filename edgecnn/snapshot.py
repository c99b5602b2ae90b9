"""Keeps single pictures of a stream."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from edgecnn.errors import OutputError
from edgecnn.image_file import decode_image

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.frame import Frame


def save_frame(frame: Frame, folder: str | os.PathLike[str] = ".") -> Path:
    """Write a frame's whole picture as a new PNG, named after the time of its capture, and return its path.

    Raises OutputError where it can't be written; no half file is left.
    """
    stamp = frame.wall_time().strftime("%Y%m%d-%H%M%S-%f")[:-3]
    path = Path(folder, f"edgecnn-{stamp}.png")
    part = path.with_suffix(".part")
    try:
        data = cv2.imencode(".png", _whole(frame))[1].tobytes()
        part.write_bytes(data)
        part.replace(path)
    except (OSError, ValueError, cv2.error) as error:
        with contextlib.suppress(OSError, ValueError):
            part.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"{path} can't be written: {reason}") from error
    return path


def _whole(frame: Frame) -> NDArray[np.uint8]:
    if frame.encoded is None:
        return frame.pixels
    return decode_image(frame.encoded, frame.source, quiet=False)
