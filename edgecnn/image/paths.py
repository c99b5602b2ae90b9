"""Finds the images at paths, and reads them and stdin as frames."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.errors import ImageError
from edgecnn.frame import Frame
from edgecnn.image.file import decode_reduced, find_images, most_file_bytes, read_image

if TYPE_CHECKING:
    from edgecnn.bundle.input_spec import Background


def find_in(path: str) -> list[Path | ImageError | str]:
    """Return what is at a path, in order: the images, for a folder after notes on files that it leaves out.

    A folder without images, and one that can't be read, is its error.
    """
    try:
        if not path:
            raise ImageError(
                "the path is empty, expected an image, a folder or a video: is a variable unset?"
            )
        files, notes = find_images(Path(path))
    except ImageError as error:
        return [error]
    return [*notes, *files]


def read_frame(path: Path, least: int, background: Background) -> Frame:
    """Read an image file as a frame.

    A JPEG is decoded smaller where its shorter side keeps `least` pixels; a transparent image is laid on the
    background. Raises ImageError.
    """
    return Frame(read_image(path, least, background), time.monotonic_ns(), 0, str(path))


def read_stdin(least: int, background: Background) -> Frame:
    """Read the image on stdin, as `read_frame` reads a file. Raises ImageError."""
    pixels, _ = decode_reduced(_stdin(), "stdin", least, background=background)
    return Frame(pixels, time.monotonic_ns(), 0, "-")


def _stdin() -> bytes:
    """Read an image file from stdin, up to the largest allowed size. Raises ImageError."""
    if sys.stdin is None:
        raise ImageError("stdin is closed: give a file, or an image through a pipe")
    most = most_file_bytes()
    try:
        data = sys.stdin.buffer.read(most + 1)
    except OSError as error:
        raise ImageError(f"stdin can't be read: {error.strerror}") from error
    if len(data) > most:
        raise ImageError(f"stdin has more than {most:,} bytes, the most that an image may have")
    return data
