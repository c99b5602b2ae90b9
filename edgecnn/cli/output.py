"""Writes a command's result to a file or to stdout."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from edgecnn.errors import OutputError


def write_text(target: str, text: str) -> None:
    """Write a whole file, or stdout for `-`: to a temporary file first, so that nothing half-written stays.

    Raises OutputError.
    """
    if target == "-":
        sys.stdout.write(text)
        return
    path = Path(target).resolve()
    temporary = None
    try:
        if path.exists() and not path.is_file():  # a pipe or a device is written to, never replaced
            path.write_text(text, "utf-8")
            return
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
            temporary = Path(file.name)
            file.write(text)
        temporary.chmod(0o644)
        os.replace(temporary, path)  # noqa: PTH105 - the atomic rename of the standard library
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise OutputError(f"{target} can't be written: {error.strerror}") from error
