"""Reads frames from the paths of images and folders, and from stdin."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.errors import ImageError
from edgecnn.frame import Frame
from edgecnn.image.file import decode_reduced, find_images, most_file_bytes, read_image
from edgecnn.io.quiet import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.bundle.input_spec import Background


def read_images(path: str, least: int, background: Background) -> Iterator[Frame | ImageError]:
    """Yield the frames at a path: one for an image, many for a folder; - is an image on stdin.

    A file that can't be read yields its error. A JPEG is decoded smaller where its shorter side keeps `least`
    pixels; transparent images are laid on the background.
    """
    try:
        if not path:
            raise ImageError(
                "the path is empty, expected an image, a folder or a video: is a variable unset?"
            )
        if path == "-":
            data = _stdin()
            pixels, _ = decode_reduced(data, "stdin", least, background=background)
            yield Frame(pixels, time.monotonic_ns(), 0, "-")
            return
        files, notes = find_images(Path(path))
    except ImageError as error:
        yield error
        return
    for note in notes:
        say(note)
    for file in files:
        try:
            yield Frame(read_image(file, least, background), time.monotonic_ns(), 0, str(file))
        except ImageError as error:
            yield error


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
