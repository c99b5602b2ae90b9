"""Opens regular files only: a pipe would block, and a device would never end."""

from __future__ import annotations

import errno
import os
import stat
from typing import IO

# The first million files are remembered, which takes 70 MB at most.
_MOST_REMEMBERED = 1_000_000
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}

# The inodes of files that were read, by device.
_read: dict[int, set[int]] = {}


def was_read(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one that `open_regular` opened since `forget_read`: no output may replace it."""
    try:
        found = os.stat(path)  # noqa: PTH116 - next to os.open
    except (OSError, ValueError):
        return False
    return found.st_ino in _read.get(found.st_dev, ())


def forget_read() -> None:
    """Forget which files were read."""
    _read.clear()


def take_read() -> dict[int, set[int]]:
    """Return the inodes of the files that were read, by device, and forget them: for `remember_read`."""
    found = dict(_read)
    _read.clear()
    return found


def remember_read(found: dict[int, set[int]]) -> None:
    """Remember the files that another process has read for this one, as it got them from `take_read`."""
    for device, inodes in found.items():
        known = _read.setdefault(device, set())
        known.update(list(inodes)[: max(0, _MOST_REMEMBERED - len(known))])


def open_regular(path: str | os.PathLike[str], *, remember: bool = True) -> IO[bytes]:
    """Open a regular file, or a link to one, for reading; never block.

    Raises OSError, whose `strerror` can be shown, also for a pipe, device, socket or folder, and for an
    impossible name.
    """
    try:
        # A pipe without a writer would otherwise block here, and a terminal would become ours.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except ValueError as error:  # a NUL in the name, or a character that is not in the file system's encoding
        raise OSError(errno.EINVAL, "no file can have this name", os.fspath(path)) from error
    except OSError as error:
        if error.errno != errno.ENXIO:  # from a socket, or a device without its driver
            raise
        raise OSError(
            errno.EINVAL, "it is a socket or a device, expected a regular file", os.fspath(path)
        ) from error
    try:
        found = os.fstat(handle)
        kind = stat.S_IFMT(found.st_mode)
        if kind != stat.S_IFREG:
            what = _KINDS.get(kind, "a special file")
            raise OSError(errno.EINVAL, f"it is {what}, expected a regular file", os.fspath(path))
        if remember and len(known := _read.setdefault(found.st_dev, set())) < _MOST_REMEMBERED:
            known.add(found.st_ino)
    except BaseException:
        os.close(handle)
        raise
    # Outside: a file that is made as Ctrl-C comes closes the handle, and to close it again is an OSError.
    return os.fdopen(handle, "rb")


def read_regular(path: str | os.PathLike[str], most: int | None = None, *, remember: bool = True) -> bytes:
    """Return the bytes of a regular file; see `open_regular`.

    Parameters
    ----------
    most
        The most bytes that it may have; None for any number.
    remember
        Whether `was_read` reports it: not for a file that is only checked before it is replaced.

    Raises
    ------
    OSError
        Where it can't be read, or is larger.
    """
    with open_regular(path, remember=remember) as file:
        if most is None:
            return file.read()
        # The reported size may be out of date, and is 0 for files that the kernel generates.
        data = file.read(most + 1)
        if len(data) > most:
            raise OSError(
                errno.EFBIG, f"it has more than {most:,} bytes, the most that is read", os.fspath(path)
            )
        return data
