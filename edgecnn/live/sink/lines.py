"""Appends results to a file by whole lines, also when the disk is full."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from edgecnn.errors import OutputError
from edgecnn.io.quiet import say
from edgecnn.live.command import Command, Quit
from edgecnn.live.sink import Sink

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from edgecnn.frame import Result
    from edgecnn.live.stats import Stats

# How long to wait before a full disk is tried again.
RETRY_S = 5.0
# How long to wait for a reader of a pipe at the start.
READER_S = 5.0
# How often a full pipe is checked.
_LOOK_S = 0.1
# A pipe without a reader would block, and a terminal would become the controlling one.
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class LineFile:
    """Appends lines to a file, or writes them to stdout for `-`.

    Each line is written when it is complete, so a reader sees whole lines. If one can't be written, the part
    that was written is removed, a line goes to stderr, and the file is not tried again for 5 s; closing it
    then raises OutputError with the number of missing lines. A deleted file is created again; a renamed one
    keeps growing under its new name.

    Parameters
    ----------
    header
        The first line of a new file.
    stop
        Ends the wait for a reader of a pipe when set.
    """

    def __init__(self, path: str, header: str = "", stop: threading.Event | None = None) -> None:
        self._path, self._stop = path, stop
        self._missing = 0
        self._wait_until = 0.0
        self._reason = ""
        self._header = header.encode() + b"\n" if header else b""
        # Written before the first line.
        self._before = self._header
        self._file: BinaryIO | None = None
        if path == "-" and sys.stdout is None:
            raise OutputError("the output can't be written: stdout is closed")
        if path != "-":
            try:
                self._file = self._open(READER_S)
            except OSError as error:
                raise OutputError(f"{path} can't be written: {error.strerror}") from error

    def write(self, line: str) -> None:
        """Append a line. Raises BrokenPipeError if the reader has closed the pipe."""
        if time.monotonic() < self._wait_until:
            self._missing += 1
            return
        data = (line + "\n").encode("utf-8", "replace")
        try:
            if self._path == "-":
                self._write_stdout(self._before + data)
                self._before = b""
            else:
                self._append(data)
        except BrokenPipeError:
            raise
        except _Stopped:
            self._missing += 1
            self._reason = "its reader stopped reading"
        except OSError as error:
            if self._path == "-":
                raise
            if not self._missing:
                say(f"{self._path} can't be written: {error.strerror}; trying again")
            self._missing += 1
            self._reason = error.strerror or str(error)
            self._wait_until = time.monotonic() + RETRY_S

    def close(self) -> None:
        """Close the file; may be called twice. Raises OutputError if lines are missing."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:  # a network file system reports only now that it is full
                self._missing += 1
                self._reason = error.strerror or str(error)
        missing, self._missing = self._missing, 0
        if missing:
            lines = "line" if missing == 1 else "lines"
            raise OutputError(f"{self._path} lacks {missing:,} {lines}, not written: {self._reason}")

    def _write_stdout(self, data: bytes) -> None:
        """Write to stdout. Raises OSError, and _Stopped."""
        sys.stdout.flush()
        try:
            handle = sys.stdout.fileno()
        except OSError:  # in a notebook or a test
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:
            _write_all(handle, data, self._stop)

    def _append(self, data: bytes) -> None:
        """Append to the file, all or nothing. Raises OSError."""
        if self._file is not None and _was_deleted(self._file):
            say(f"{self._path} was deleted; creating it again")
            self._file.close()
            self._file = None
        self._file = self._file or self._open()
        length = os.fstat(self._file.fileno()).st_size
        try:
            _write_all(self._file.fileno(), self._before + data, self._stop)
        except OSError:
            with contextlib.suppress(OSError):  # a device or a pipe
                os.ftruncate(self._file.fileno(), length)
            raise
        self._before = b""

    def _open(self, wait_s: float = 0.0) -> BinaryIO:
        """Open the file, and find out what precedes its next line; see `_open_or_wait`."""
        try:
            handle = _open_or_wait(self._path, wait_s)
        except ValueError as error:
            raise OSError(errno.EINVAL, "no file can have this name") from error
        file = os.fdopen(handle, "ab", buffering=0)
        state = os.fstat(handle)
        if stat.S_ISBLK(state.st_mode):
            file.close()
            raise OSError(errno.EINVAL, "it is a disk")
        os.set_blocking(handle, True)
        regular = stat.S_ISREG(state.st_mode) and state.st_size
        if regular and self._header and not _begins_with(Path(self._path), self._header):
            file.close()
            raise OSError(errno.EEXIST, "it has other columns: give another file")
        torn = regular and _ends_torn(Path(self._path))
        self._before = b"\n" if torn else b"" if state.st_size else self._header
        return file


class _Stopped(Exception):
    """The run ended while waiting for a reader."""


def _write_all(handle: int, data: bytes, stop: threading.Event | None) -> None:
    """Write all data; to a pipe or terminal at the reader's pace, so that a signal can end the wait.

    Raises OSError, and _Stopped.
    """
    left = memoryview(data)
    waits = not stat.S_ISREG(os.fstat(handle).st_mode)
    while left:  # after a partial write, the next one raises the reason
        if waits and not select.select([], [handle], [], _LOOK_S)[1]:
            if stop is not None and stop.is_set():
                raise _Stopped
            continue
        # A writable pipe takes this much without blocking (pipe(7)).
        left = left[os.write(handle, left[: select.PIPE_BUF] if waits else left) :]


def _open_or_wait(path: str, wait_s: float) -> int:
    """Open a file for appending; for a pipe, wait up to `wait_s` for a reader. Raises OSError."""
    end = time.monotonic() + wait_s
    while True:
        try:
            return os.open(path, _APPEND, 0o666)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() >= end:
                raise OSError(error.errno, "no process reads from this pipe") from error
        time.sleep(0.05)


class LineSink(Sink):
    """Adds a line for each result to a `LineFile`; subclasses format it."""

    needs_picture = False

    def __init__(self, path: str, header: str = "", stop: threading.Event | None = None) -> None:
        self._lines = LineFile(path, header, stop)
        self._gone = False

    def line(self, result: Result) -> str:
        """Return a result's line, without the line break."""
        raise NotImplementedError

    def show(self, result: Result, stats: Stats) -> None:  # noqa: ARG002 - the line has its own
        """Write one line."""
        try:
            self._lines.write(self.line(result))
        except BrokenPipeError:
            self._gone = True

    def poll(self, stats: Stats) -> Sequence[Command]:  # noqa: ARG002 - a sink's signature
        """Quit when the reader has closed the pipe."""
        return [Quit()] if self._gone else []

    def close(self) -> None:
        """Close the file. Raises OutputError if results are missing in it."""
        self._lines.close()


def _was_deleted(file: BinaryIO) -> bool:
    state = os.fstat(file.fileno())
    return stat.S_ISREG(state.st_mode) and not state.st_nlink


def _begins_with(path: Path, header: bytes) -> bool:
    """Whether a file has this first line; true if it can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(header)).splitlines() == header.splitlines()
    except OSError:
        return True


def _ends_torn(path: Path) -> bool:
    """Whether a file ends within a line, as after a power cut."""
    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:  # writable, but not readable
        return False
