"""What a person takes away: a version as a zip, the photos as a zip."""

from __future__ import annotations

import tempfile
import zipfile
from typing import TYPE_CHECKING

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from edgecnn.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from edgecnn.teaching.teacher import Teacher


def version_zip(teacher: Teacher, name: str) -> Response:
    """Return a version's bundle as a zip archive."""
    bundle = teacher.versions.get(name)
    files = sorted(path for path in bundle.folder.iterdir() if path.is_file())
    return _zip(teacher, f"{bundle.name}.zip", ((path, f"{bundle.name}/{path.name}") for path in files))


def photos_zip(teacher: Teacher) -> Response:
    """Return all photos as a zip archive of class folders, which `learn` and `train` read."""
    photos = teacher.photos
    return _zip(
        teacher, f"{photos.folder.name}.zip", ((photos.folder / item.id, item.id) for item in photos.items)
    )


def _zip(teacher: Teacher, name: str, files: Iterable[tuple[Path, str]]) -> Response:
    """Return a zip archive of files that are compressed already; it is made on the disk, not in memory.

    Its file has no name there, so that none stays behind a process that is killed.
    """
    made = None
    try:
        made = tempfile.TemporaryFile(dir=teacher.photos.folder)  # noqa: SIM115 - closed when it is sent
        with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
            for path, inside in files:
                if path.is_file():  # not one that was moved a moment ago, nor a pipe
                    archive.write(path, inside)
        made.flush()
    except OSError as error:
        if made is not None:
            made.close()
        raise OutputError(f"{name} can't be made: {error.strerror}") from error
    return FileResponse(
        f"/dev/fd/{made.fileno()}",
        media_type="application/zip",
        filename=name,
        background=BackgroundTask(made.close),
    )
