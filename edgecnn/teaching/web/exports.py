"""What a person takes away: a version as a zip, the photos as a zip."""

from __future__ import annotations

import os
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from edgecnn.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from edgecnn.teaching.teacher import Teacher


def version_zip(teacher: Teacher, name: str) -> Response:
    """Return a version's bundle as a zip archive."""
    bundle = teacher.versions.get(name)
    files = sorted(path for path in bundle.folder.iterdir() if path.is_file())
    return _zip(f"{bundle.name}.zip", [(path, f"{bundle.name}/{path.name}") for path in files])


def photos_zip(teacher: Teacher) -> Response:
    """Return all photos as a zip archive of class folders, which `learn` and `train` read."""
    photos = teacher.photos
    return _zip(f"{photos.folder.name}.zip", [(photos.folder / item.id, item.id) for item in photos.items])


def _zip(name: str, files: Sequence[tuple[Path, str]]) -> Response:
    """Return a zip archive of files that are compressed already; it is made while it is sent.

    Raises OutputError where one can't be read.
    """
    for path, _ in files:
        if path.exists() and not os.access(path, os.R_OK):
            raise OutputError(f"{name} can't be made: {path} can't be read")
    return StreamingResponse(
        _chunks(files),
        media_type="application/zip",
        headers={"content-disposition": f"attachment; filename*=utf-8''{quote(name)}"},
    )


def _chunks(files: Iterable[tuple[Path, str]]) -> Iterator[bytes]:
    """Yield an archive's bytes, file by file: each is as small as an image or a model.

    Raises OSError where reading fails meanwhile: the answer breaks off, so that no archive without a photo
    looks complete.
    """
    written = _Written()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for path, inside in files:
            # Not one that was moved a moment ago, nor a pipe.
            with suppress(FileNotFoundError):
                if path.is_file():
                    archive.write(path, inside)
            yield written.take()
    yield written.take()


class _Written:
    """A file that can't go back: `zipfile` writes each size behind its content then."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        return

    def close(self) -> None:
        return

    def take(self) -> bytes:
        """Return what was written since the last call."""
        parts, self._parts = self._parts, []
        return b"".join(parts)
