"""Reads files of labels, one a line, as people and other tools write them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.errors import LabelsError

if TYPE_CHECKING:
    import os


def read_labels(path: str | os.PathLike[str]) -> list[str]:
    """Read one label a line, leaving out the numbers where every line starts with its own.

    `0  background` and `0:background` are numbered lines; "3 series" alone is a label. Raises LabelsError.
    """
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise LabelsError(f"{path} is no UTF-8 text: expected one label a line") from error
    except OSError as error:
        raise LabelsError(f"{path} can't be read: {error.strerror}; expected one label a line") from error
    return strip_numbers([line.strip() for line in lines if line.strip()])


def strip_numbers(lines: list[str]) -> list[str]:
    """Return the labels without their line numbers, where every line has its own."""
    stripped = []
    for i, line in enumerate(lines):
        number, rest = line[: len(str(i))], line[len(str(i)) :]
        if number != str(i) or rest[:1] not in (" ", ":", "\t") or not rest[1:].strip():
            return lines
        stripped.append(rest[1:].strip())
    return stripped
