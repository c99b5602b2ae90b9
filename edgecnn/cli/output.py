"""Writes a command's result to a file or to stdout."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from edgecnn.errors import OutputError


def check_target(target: str) -> None:
    """Raise OutputError where a file can't be made, before the work that is to fill it."""
    path = Path(target).resolve()
    if target == "-" or Path(target).exists():
        if path.is_dir() and target != "-":
            raise OutputError(f"{target} can't be written: it is a folder")
        return
    if not os.access(path.parent, os.W_OK):
        reason = "it can't be written to" if path.parent.exists() else "there is no such folder"
        raise OutputError(f"{target} can't be written: {reason}: {path.parent}")


def write_text(target: str, text: str) -> None:
    """Write a whole file as UTF-8, or stdout for `-`; see `write_bytes`."""
    if target == "-":
        if sys.stdout is None:
            raise OutputError("the output can't be written: stdout is closed")
        sys.stdout.write(text)
    else:
        write_bytes(target, text.encode())


def write_bytes(target: str, data: bytes) -> None:
    """Write a whole file: to a temporary file first, so that nothing half-written stays.

    Raises OutputError.
    """
    path = Path(target).resolve()
    temporary = None
    try:
        # A pipe or a device is written to, never replaced; what /dev/stdout leads to has no path of its own.
        if Path(target).exists() and not Path(target).is_file():
            Path(target).write_bytes(data)
            return
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
        temporary.chmod(0o644)
        os.replace(temporary, path)  # noqa: PTH105 - the atomic rename of the standard library
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise OutputError(f"{target} can't be written: {error.strerror}") from error
