"""Reads files of labels, one a line, as people and other tools write them."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from edgecnn.errors import LabelsError
from edgecnn.regular_file import read_regular

if TYPE_CHECKING:
    import os

# As much as the labels inside a model file may have.
MOST_BYTES = 1 << 20


def read_labels(path: str | os.PathLike[str]) -> list[str]:
    """Read one label a line, leaving out the numbers where every line starts with its own.

    `0  background` and `0:background` are numbered lines; "3 series" alone is a label. Raises LabelsError.
    """
    try:
        text = read_regular(path, MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelsError(f"{path} is no UTF-8 text: expected one label a line") from error
    except OSError as error:
        raise LabelsError(f"{path} can't be read: {error.strerror}; expected one label a line") from error
    for number, line in enumerate(text.splitlines(), 1):
        if odd := next((c for c in line if c != "\t" and unicodedata.category(c) == "Cc"), None):
            raise LabelsError(
                f"{path}: line {number} has the control character {odd!r}: expected one label a line"
            )
    return strip_numbers([line.strip() for line in text.splitlines() if line.strip()])


def strip_numbers(lines: list[str]) -> list[str]:
    """Return the labels without their line numbers, where every line has its own."""
    stripped = []
    for i, line in enumerate(lines):
        number, rest = line[: len(str(i))], line[len(str(i)) :]
        if number != str(i) or rest[:1] not in (" ", ":", "\t") or not rest[1:].strip():
            return lines
        stripped.append(rest[1:].strip())
    return stripped
