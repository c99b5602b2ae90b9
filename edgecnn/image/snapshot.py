"""Saves single frames of a stream."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from edgecnn.errors import OutputError
from edgecnn.image.file import decode_image
from edgecnn.io.atomic import write_new

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.frame import Frame


def save_frame(frame: Frame, folder: str | os.PathLike[str] = ".") -> Path:
    """Write a frame in full size as a new PNG named after its capture time, and return the path.

    An existing file of that name stays, and the new one gets a number. Raises OutputError where it can't be
    written; no partial file is left.
    """
    stamp = frame.wall_time().strftime("%Y%m%d-%H%M%S-%f")[:-3]
    path = Path(folder, f"edgecnn-{stamp}.png")
    try:
        return write_new(path, cv2.imencode(".png", _whole(frame))[1].tobytes())
    except (OSError, ValueError, cv2.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"{path} can't be written: {reason}") from error


def _whole(frame: Frame) -> NDArray[np.uint8]:
    if frame.encoded is None:
        return frame.pixels
    return decode_image(frame.encoded, frame.source, quiet=False)
