"""Keeps native libraries off stderr, and prints edgecnn's own lines there."""

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
    """Discard what is written to file descriptor 2 during the block.

    For LiteRT and OpenCV, which print lines that no setting silences. The descriptor belongs to the whole
    process, so blocks exclude one another; keep them short.
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
    """Print one line to stderr; do nothing where it is closed or the disk is full.

    New lines become spaces, and secrets in addresses are masked.
    """
    with contextlib.suppress(OSError, ValueError):
        line = " ".join(part.strip() for part in line.split("\n"))
        echo(f"edgecnn: {printable(mask_secrets(line))}", err=True)
