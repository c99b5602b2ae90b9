"""Images and folders of images as a source, in the order of their names."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.errors import CameraError, ImageError
from edgecnn.frame import Frame
from edgecnn.image_file import EXTENSIONS, read_image

if TYPE_CHECKING:
    from types import TracebackType


def list_images(path: Path) -> list[Path]:
    """Return the image files below a folder, sorted, hidden ones left out; or the one file itself.

    Raises ImageError for a folder without any.
    """
    if not path.is_dir():
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


class FilesCamera:
    """Gives each picture of a folder once. One that can't be read ends the run with its name."""

    live = False

    def __init__(self, source: str) -> None:
        self.name = source
        try:
            self._paths = list_images(Path(source))
        except (ImageError, OSError) as error:
            raise CameraError(str(error)) from error
        self._index = 0

    @property
    def description(self) -> str:
        """How many pictures there are."""
        return f"{len(self._paths)} pictures from {self.name}"

    def read(self) -> Frame | None:
        """Return the next picture, or None after the last one."""
        if self._index >= len(self._paths):
            return None
        path = self._paths[self._index]
        try:
            pixels = read_image(path)
        except ImageError as error:
            raise CameraError(str(error)) from error
        frame = Frame(pixels, time.monotonic_ns(), self._index, str(path))
        self._index += 1
        return frame

    def close(self) -> None:
        """Nothing to release."""

    def __enter__(self) -> FilesCamera:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
