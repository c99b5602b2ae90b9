"""Keeps single pictures of a stream."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from edgecnn.errors import OutputError
from edgecnn.image_file import decode_image

if TYPE_CHECKING:
    import os

    from edgecnn.frame import Frame


def save_frame(frame: Frame, folder: str | os.PathLike[str] = ".") -> Path:
    """Write a frame's whole picture as a new PNG, named after the time of its capture, and return its path.

    Raises OutputError where it can't be written; no half file is left.
    """
    stamp = frame.wall_time().strftime("%Y%m%d-%H%M%S-%f")[:-3]
    path = Path(folder, f"edgecnn-{stamp}.png")
    whole = frame.pixels if frame.encoded is None else decode_image(frame.encoded, frame.source, quiet=False)
    data = cv2.imencode(".png", whole)[1].tobytes()
    part = path.with_suffix(".part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path} can't be written: {error.strerror}") from error
    return path
