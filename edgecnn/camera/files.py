"""Images and folders of images as a source, in the order of their names."""

from __future__ import annotations

import glob
import os
import time
from dataclasses import replace
from pathlib import Path

from edgecnn.camera import Camera, Mode
from edgecnn.camera.devices import is_pattern
from edgecnn.camera.pace import Pace
from edgecnn.errors import CameraError, ImageError
from edgecnn.frame import Frame
from edgecnn.image.file import Images, decode_image, decode_reduced, find_images, read_file
from edgecnn.image.names import USUAL, is_image_name, is_junk
from edgecnn.io.quiet import say


def _matching(pattern: str) -> Images:
    """Return the images that a pattern names, sorted; `**` stands for any folders.

    `glob` follows links in circles, so each file counts once, by the shortest of its names.
    """
    names = glob.glob(os.path.expanduser(pattern), recursive=True)  # noqa: PTH111, PTH207 - absolute ones too
    found: dict[str, Path] = {}
    for path in sorted(map(Path, names), key=lambda p: (len(p.parts), p)):
        if is_image_name(path) and not is_junk(path.name) and not os.path.isdir(path):  # noqa: PTH112 - as above
            found.setdefault(os.path.realpath(path), path)
    if not found:
        raise ImageError(f"{pattern} matches no images ({USUAL})")
    return Images(sorted(found.values()), ())


class FilesCamera(Camera):
    """Gives each image of a folder or pattern once, at the mode's rate if it has one.

    An image that can't be read is skipped, with a line on stderr.
    """

    live = may_hang = False

    def __init__(self, source: str, mode: Mode | None = None) -> None:
        self.name = source
        mode = mode or Mode()
        self._background = mode.background
        self._pace = Pace(mode.fps or 0)
        try:
            found = _matching(source) if is_pattern(source) else find_images(Path(source))
        except (ImageError, OSError) as error:
            raise CameraError(str(error)) from error
        self._paths = found.paths
        for note in found.notes:
            say(note)
        self._index = 0
        self._least: int | None = None
        self._whole = False

    @property
    def description(self) -> str:
        """The number of images."""
        return f"{len(self._paths)} images from {self.name}"

    def read(self) -> Frame | None:
        """Return the next image, or None after the last one."""
        while self._index < len(self._paths):
            path, index = self._paths[self._index], self._index
            self._index += 1
            try:
                data = read_file(path)
                frame = self._decode(data, path, index)
                self._pace.wait()
                return replace(frame, captured_ns=time.monotonic_ns())
            except ImageError as error:
                if len(self._paths) == 1:
                    raise CameraError(str(error)) from error
                say(str(error))
        return None

    def _decode(self, data: bytes, path: Path, index: int) -> Frame:
        image, encoded = decode_reduced(data, str(path), self._least, background=self._background)
        if self._whole and encoded:
            return Frame(decode_image(data, str(path)), 0, index, str(path), small=image)
        return Frame(image, 0, index, str(path), encoded=encoded)

    def need(self, side: int | None, *, whole: bool = False) -> None:
        """Decode JPEG files no larger than needed; with `whole`, decode them in full too."""
        self._least, self._whole = side, whole

    def interrupt(self) -> None:
        """End a wait for the next image's time."""
        self._pace.interrupt()
