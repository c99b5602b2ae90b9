"""What is said on stderr: lines of ours, and nothing of native libraries whose errors Python reports."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING

from edgecnn.io.address import mask_secrets
from edgecnn.io.printable import echo, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

_lock = threading.Lock()


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send file descriptor 2 to nowhere for the time of the block.

    For LiteRT and OpenCV, which print lines that no setting of theirs silences. The descriptor belongs to
    the whole process, so blocks take turns; keep them short.
    """
    with _lock:
        if sys.stderr is not None:
            sys.stderr.flush()
        try:
            saved = os.dup(2)
        except OSError:  # there is no stderr at all
            yield
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(nowhere)
            os.close(saved)


def say(line: str) -> None:
    """Write a line for a person to stderr, which may be closed, or on a disk that is full.

    It stays one line, whatever is in it; secrets in addresses are masked.
    """
    with contextlib.suppress(OSError, ValueError):
        line = " ".join(part.strip() for part in line.split("\n"))
        echo(f"edgecnn: {printable(mask_secrets(line))}", err=True)
