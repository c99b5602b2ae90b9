"""Reads all frames of a video file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.camera.opencv import OpenCvCamera
from edgecnn.errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.frame import Frame


def read_video(path: str) -> Iterator[Frame | CameraError]:
    """Yield the frames of a video; one that can't be read on yields its error, and ends."""
    try:
        with OpenCvCamera(path) as camera:
            while (frame := camera.read()) is not None:
                yield frame
    except CameraError as error:
        yield error
