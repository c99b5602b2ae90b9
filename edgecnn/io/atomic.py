"""Writes a whole file or none, through a hidden file next to it that is renamed at the end."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from edgecnn.io.moving import (
    exchange_in_one_step,
    flush_folder,
    hidden_name,
    is_hidden_name,
    move_new,
    move_to_free,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def write_file(
    path: Path,
    data: bytes,
    *,
    ours: Callable[[Path], bool] | None = None,
    mode: int = 0o644,
    flush: bool = True,
) -> None:
    """Write a whole file; an existing one is replaced and keeps its permissions.

    Parameters
    ----------
    path
        A regular file, or a path that does not exist yet; for a link, its target.
    ours
        Whether a file may be replaced; None for any.
    mode
        The permissions of a new file.
    flush
        Whether to wait until the file is on the disk, so that a power cut leaves the old or the new one.

    Raises
    ------
    OSError
        FileExistsError where the existing file may not be replaced.
    """
    with _hidden_file(path, data, mode, flush) as fresh:
        if ours is None:
            fresh.replace(path)
        else:
            _replace_ours(fresh, path, ours)
        if flush:
            flush_folder(path.parent)


def write_new(path: Path, data: bytes) -> Path:
    """Write a whole file under a free name: as `NAME-2.EXT` and so on where it is taken; return its path.

    Raises OSError.
    """
    with _hidden_file(path, data) as fresh:
        try:
            move_new(fresh, path)
        except FileExistsError:
            path = move_to_free(fresh, path)
        flush_folder(path.parent)
    return path


def _replace_ours(fresh: Path, path: Path, ours: Callable[[Path], bool]) -> None:
    with suppress(FileExistsError):
        move_new(fresh, path)
        return
    if ours(path):
        if not exchange_in_one_step(fresh, path):
            fresh.replace(path)
            return
        # A file that took the name a moment ago is now under the hidden name, where no one else writes.
        if ours(fresh):
            return
        try:
            exchange_in_one_step(fresh, path)
        except OSError:
            move_to_free(fresh, path)
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


@contextmanager
def _hidden_file(path: Path, data: bytes, mode: int = 0o644, flush: bool = True) -> Iterator[Path]:
    """Write a hidden file next to `path`; remove it at the end, and those of writers that were killed."""
    import fcntl

    remove_left_behind(path.parent, path.name)
    hidden = path.with_name(hidden_name(path.name))
    handle = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            with suppress(OSError):
                fcntl.flock(
                    file, fcntl.LOCK_EX
                )  # until it is closed, no other writer removes it as left behind
            file.write(data)
            file.flush()
            if flush:
                os.fsync(file.fileno())
            with suppress(OSError):
                hidden.chmod(stat.S_IMODE(path.stat().st_mode))
            yield hidden
    finally:
        with suppress(OSError):
            hidden.unlink()


def remove_left_behind(folder: Path, name: str | None = None) -> None:
    """Remove the hidden files of writers that were killed; for a name those of that file alone."""
    import fcntl

    with suppress(OSError):
        for left in list(folder.iterdir()):
            if not is_hidden_name(left.name, name):
                continue
            with suppress(OSError):
                handle = os.open(left, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if stat.S_ISREG(os.fstat(handle).st_mode):
                        left.unlink()
                finally:
                    os.close(handle)
