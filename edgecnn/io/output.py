"""Writes a command's result to a file or to stdout."""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.errors import OutputError
from edgecnn.io.printable import echo
from edgecnn.io.regular import was_read

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_SHOWN = 100


@contextmanager
def exit_on_interrupt(message: str = "nothing was written") -> Iterator[None]:
    """Exit with code 130 and `stopped; MESSAGE` on stderr where Ctrl-C interrupts the block."""
    try:
        yield
    except KeyboardInterrupt:
        echo(f"\nstopped; {message}", err=True)
        raise SystemExit(128 + signal.SIGINT) from None


def check_target(target: str) -> None:
    """Raise OutputError where a file can't be created, before the work whose result it takes."""
    if target == "-":
        return
    try:
        path, mode = _find(target)
        if mode is not None:
            _require_replaceable(path, mode)
            return
        if not path.parent.is_dir():
            raise OSError(errno.ENOENT, f"there is no such folder: {path.parent}")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise OSError(errno.EACCES, f"it can't be written to: {path.parent}")
    except OSError as error:
        raise OutputError(f"{_shown(target)} can't be written: {error.strerror}") from error


def write_text(target: str, text: str) -> None:
    """Write a whole file as UTF-8, or stdout for `-`; see `write_bytes`."""
    if target == "-":
        if sys.stdout is None:
            raise OutputError("the output can't be written: stdout is closed")
        sys.stdout.write(text)
    else:
        # A name of a file that is not UTF-8 becomes its own bytes again.
        try:
            data = text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            data = text.encode("utf-8", "replace")
        write_bytes(target, data)


def write_bytes(target: str, data: bytes) -> None:
    """Write a whole file: to a hidden file first, so that no partial file stays.

    A link stays, and its target is replaced. A pipe or a device is written to, never replaced. Raises
    OutputError.
    """
    from edgecnn.io.atomic import write_file

    try:
        path, mode = _find(target)
        if mode is None or stat.S_ISREG(mode):
            _require_replaceable(path, mode)
            write_file(path, data)
        else:
            _write_special(target, data)
    except OSError as error:
        raise OutputError(f"{_shown(target)} can't be written: {error.strerror or error}") from error


def write_new_bytes(path: Path, data: bytes) -> Path:
    """Write a whole file under a free name: as `NAME-2.EXT` and so on where it is taken; return its path.

    Raises OutputError.
    """
    from edgecnn.io.atomic import write_new

    try:
        return write_new(path, data)
    except OSError as error:
        raise OutputError(f"{_shown(str(path))} can't be written: {error.strerror or error}") from error


def _find(target: str) -> tuple[Path, int | None]:
    """Return the target of a path, and its mode; None where it does not exist yet. Raises OSError."""
    try:
        path = Path(target).resolve()
        try:
            mode = os.stat(target).st_mode  # noqa: PTH116 - of the path as given: /dev/stdout has no target path
        except FileNotFoundError:
            return path, None
    except ValueError as error:
        raise OSError(errno.EINVAL, "no file can have this name") from error
    except RuntimeError as error:  # before Python 3.13
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, "it is a folder")
    if stat.S_ISBLK(mode):
        raise OSError(errno.EINVAL, "it is a disk")
    return path, mode


def _require_replaceable(path: Path, mode: int | None) -> None:
    """Raise OSError for a file that may not be written, and for one that this command has read."""
    if mode is None or not stat.S_ISREG(mode):
        return
    if not os.access(path, os.W_OK):
        raise OSError(errno.EACCES, "it can't be written to")
    if was_read(path):
        raise OSError(errno.EEXIST, "this command reads it: name another file")


def _write_special(target: str, data: bytes) -> None:
    """Write to a pipe, a terminal or another device; a pipe without a reader would block."""
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, "no process reads from it") from error
        raise
    with os.fdopen(handle, "wb") as file:
        os.set_blocking(file.fileno(), True)
        file.write(data)


def _shown(target: str) -> str:
    short = len(target) <= _LONGEST_SHOWN
    text = target if short else f"{target[:40]}…{target[-40:]}"
    return text if text.isprintable() else repr(text)
