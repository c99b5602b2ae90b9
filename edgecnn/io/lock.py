"""One writer at a time for each bundle's folder: a lock file next to it that ends with its process."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import stat
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from edgecnn.errors import OutputError
from edgecnn.io.address import mask_secrets
from edgecnn.io.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST_BYTES = 4096
# A process that only checks whether a folder is locked holds the lock for a moment.
_PATIENCE_S = 0.5


def lock_path(folder: Path) -> Path:
    """Return the path of a folder's lock file. Its writer removes it, unless it is killed."""
    return folder.with_name(f".{folder.name}.edgecnn-lock")


@contextmanager
def lock(folder: Path, hint: str) -> Iterator[bool]:
    """Hold a folder's lock; yield False where the file system has no locks.

    Parameters
    ----------
    hint
        The end of an error message: what to type instead.

    Raises
    ------
    OutputError
        Where another process holds it, with its command and start time; where it can't be created.
    """
    path = lock_path(folder)
    end = time.monotonic() + _PATIENCE_S
    try:
        handle = _acquire(path)
        while handle is None and time.monotonic() < end:
            time.sleep(0.02)
            handle = _acquire(path)
    except OSError as error:
        raise OutputError(f"nothing can be written to {folder.parent}: {error.strerror}: {hint}") from error
    if handle is None:
        raise _is_held(folder, hint)
    try:
        yield handle >= 0
    finally:
        if handle >= 0:
            # While the lock is held, so that no other process's lock is removed.
            with suppress(OSError):
                if _is_same(handle, path):
                    path.unlink()
            os.close(handle)


def require_unlocked(folder: Path, hint: str) -> None:
    """Raise OutputError where another process is writing a folder; leave no file behind."""
    try:
        handle = os.open(lock_path(folder), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _is_held(folder, hint) from None
    except OSError:
        return
    finally:
        os.close(handle)


def _acquire(path: Path) -> int | None:
    """Return the open lock file; None while another process holds it, -1 where there are no locks."""
    how = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | how, 0o644)
        except PermissionError:
            handle = os.open(path, os.O_RDONLY | how)  # another user's file can be locked too
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode) or not _is_lock(os.pread(handle, _MOST_BYTES, 0)):
                raise OSError(0, f"{path.name} exists and is not a lock of edgecnn: move it away")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                return None
            except OSError:
                os.close(handle)
                return -1
            # The previous writer may have removed it between the two calls.
            if _is_same(handle, path):
                with suppress(OSError):
                    os.ftruncate(handle, 0)
                    os.pwrite(handle, _describe_self(), 0)
                return handle
        except BaseException:
            with suppress(OSError):
                os.close(handle)
            raise
        os.close(handle)


def _is_same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _describe_self() -> bytes:
    command = mask_secrets(" ".join(["edgecnn", *sys.argv[1:]]))
    holder = {
        "edgecnn": "lock",
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "command": command[:500],
    }
    return json.dumps(holder).encode()


def _is_lock(content: bytes) -> bool:
    """Whether a file's content is that of a lock, which a kill may have truncated."""
    return not content or content.startswith(b'{"edgecnn": "lock"')


def _is_held(folder: Path, hint: str) -> OutputError:
    who = "another process"
    with suppress(OSError, ValueError, RecursionError, KeyError, TypeError):
        handle = os.open(lock_path(folder), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            holder = json.loads(file.read(_MOST_BYTES))
        who = printable(
            f"{str(holder['command'])[:200]!r} (process {holder['pid']} on {holder['host']}, "
            f"since {holder['since']})"
        )
    return OutputError(f"{folder} is being written by {who}: wait until that is done, or {hint}")
