"""Results in a file that grows by whole lines, and stays whole when the disk is full."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from edgecnn.command import Command, Quit
from edgecnn.errors import OutputError
from edgecnn.quiet import say
from edgecnn.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.frame import Result
    from edgecnn.stats import Stats

# How long a disk that was full is left alone before it is tried again.
RETRY_S = 5.0


class LineFile:
    """Appends lines to a file, or writes them to stdout for `-`.

    Each line is handed to the system when it is complete, so that a reader sees whole lines. Where one can't
    be written, what went in of it is taken back, stderr is told, and the file is left alone for 5 s; closing
    it then raises OutputError with the number of lines that are missing.

    Parameters
    ----------
    header
        The first line of a file that is new.
    """

    def __init__(self, path: str, header: str = "") -> None:
        self._path = path
        self._missing = 0
        self._wait_until = 0.0
        self._reason = ""
        try:
            self._file: BinaryIO = (
                sys.stdout.buffer if path == "-" else Path(path).open("ab", buffering=0)  # noqa: SIM115 - closed by close()
            )
        except OSError as error:
            raise OutputError(f"{path} can't be written: {error.strerror}") from error
        # Goes in front of the first line that can be written.
        self._before = b""
        if header and (path == "-" or not self._size()):
            self._before = header.encode() + b"\n"
        elif path != "-" and _ends_torn(Path(path)):
            self._before = b"\n"

    def write(self, line: str) -> None:
        """Append a line. Raises BrokenPipeError where whoever read it has gone."""
        if time.monotonic() < self._wait_until:
            self._missing += 1
            return
        data = self._before + (line + "\n").encode("utf-8", "replace")
        if self._path == "-":
            self._file.write(data)
            self._file.flush()
            self._before = b""
            return
        before = self._size()
        try:
            if self._file.write(data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._before = b""
        except BrokenPipeError:
            raise
        except OSError as error:
            self._take_back(before)
            if not self._missing:
                say(f"{self._path} can't be written: {error.strerror}; it is tried again")
            self._missing += 1
            self._reason = error.strerror or str(error)
            self._wait_until = time.monotonic() + RETRY_S

    def close(self) -> None:
        """Close the file; may be called twice. Raises OutputError where lines are missing."""
        if self._path != "-":
            self._file.close()
        missing, self._missing = self._missing, 0
        if missing:
            raise OutputError(f"{self._path} lacks {missing:,} lines, not written: {self._reason}")

    def _size(self) -> int:
        """Return the file's length in bytes; 0 for what has none, such as a pipe."""
        return os.fstat(self._file.fileno()).st_size

    def _take_back(self, length: int) -> None:
        try:
            os.ftruncate(self._file.fileno(), length)
        except OSError:
            return  # a device or a pipe


class LineSink(Sink):
    """Adds a line for each result to a `LineFile`; a kind of file says what stands in it."""

    needs_picture = False

    def __init__(self, path: str, header: str = "") -> None:
        self._lines = LineFile(path, header)
        self._gone = False

    def line(self, result: Result) -> str:
        """Return a result's line, without its end."""
        raise NotImplementedError

    def show(self, result: Result, stats: Stats) -> None:  # noqa: ARG002 - the line has its own
        """Write one line."""
        try:
            self._lines.write(self.line(result))
        except BrokenPipeError:
            self._gone = True

    def poll(self, stats: Stats) -> Sequence[Command]:  # noqa: ARG002 - a sink's signature
        """Ask for the end where whoever read it has seen enough."""
        return [Quit()] if self._gone else []

    def close(self) -> None:
        """Close the file. Raises OutputError where results are missing in it."""
        self._lines.close()


def _ends_torn(path: Path) -> bool:
    """Whether a file ends within a line: a power cut leaves that."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
