"""Labelled images listed in a CSV file."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

from edgecnn.dataset.items import MOST_ITEMS, Item, SplitName, check_classes
from edgecnn.dataset.layout import split_of
from edgecnn.errors import DataError
from edgecnn.image.file import read_file, read_image
from edgecnn.io.regular import open_regular
from edgecnn.io.unicode_form import plain_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import Background

# Limits of a line and its columns: a file without a line end would be read whole.
MOST_LINE, MOST_COLUMNS = 1 << 20, 100
_COLUMNS = ("path", "label", "split", "group")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class ManifestSource:
    """A CSV file with the columns `path,label` and optionally `split` and `group`, in any order.

    Paths are relative to the file's folder, and may point outside. Images with an empty split are
    split at random.
    """

    background: Background = "white"

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        rows = _read_rows(path)
        self.labels = tuple(sorted({label for _, label, _, _ in rows}))
        check_classes(self.labels, set(self.labels), str(path))
        index = {label: i for i, label in enumerate(self.labels)}
        self.items = [Item(name, index[label], split, group) for name, label, split, group in rows]

    def read(self, item: Item, least: int | None = None) -> NDArray[np.uint8]:
        """Read and decode the file."""
        return read_image(self._find(item.id), least, background=self.background)

    def digest(self, item: Item) -> bytes:
        """Return the SHA-256 of the file."""
        return hashlib.sha256(read_file(self._find(item.id))).digest()

    def _find(self, name: str) -> str:
        """Return a file's path; where it is missing, that of the same name in the other Unicode form."""
        # Not with pathlib, which takes longer than the check itself.
        path = os.path.join(self._folder, name)  # noqa: PTH118
        if name.isascii() or os.path.lexists(path):
            return path
        forms = (os.path.join(self._folder, unicodedata.normalize(f, name)) for f in ("NFC", "NFD"))  # noqa: PTH118
        return next(filter(os.path.lexists, forms), path)


_Row = tuple[str, str, SplitName | None, str | None]


def _read_rows(path: Path) -> list[_Row]:
    """Read the manifest's rows: path, label, split and group."""
    try:
        with open_regular(path) as file:
            if file.read(2) in _UTF16:
                raise DataError(f"{path} is UTF-16, expected UTF-8: save it again as `CSV UTF-8`")
            file.seek(0)
            with io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
                # Strict: an open quote would otherwise swallow the following lines.
                return list(_rows(csv.reader(_lines(text, path), strict=True), path))
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 text ({error.reason}): save it again as `CSV UTF-8`") from error
    except OSError as error:
        raise DataError(f"{path} can't be read as CSV: {error.strerror or error}") from error


def _lines(text: TextIO, path: Path) -> Iterator[str]:
    number = 0
    while line := text.readline(MOST_LINE + 1):
        number += 1
        if len(line) > MOST_LINE:
            raise DataError(f"{path}: line {number} has more than {MOST_LINE:,} characters")
        yield line


def _rows(reader: Any, path: Path) -> Iterator[_Row]:
    """Check the rows, each with a path and a label. `reader` is the csv module's."""
    lines = _readable(reader, path)
    names = [name.strip().lower() for name in next(lines, [])]
    places = _places(names, path)
    seen: set[str] = set()
    for fields in lines:
        if not fields:
            continue
        where = f"{path}: line {reader.line_num}"
        if any(field.strip() for field in fields[len(names) :]):
            raise DataError(
                f"{where} has {len(fields):,} fields, expected {len(names)}: "
                'put "quotes" around a field with a comma in it'
            )
        name, label, split, group = (fields[k].strip() if k < len(fields) else "" for k in places)
        if not (name and label):
            raise DataError(f"{where} has no {'label' if name else 'path'}")
        if "\0" in name:
            raise DataError(f"{where} has a path with a NUL character, {name[:60]!r}: no file can have it")
        if name in seen:
            raise DataError(f"{where} names {name[:200]} a second time")
        seen.add(name)
        if len(seen) > MOST_ITEMS:
            raise DataError(f"{path} has more than {MOST_ITEMS:,} rows, the most that are read")
        part = split_of(split) if split else None
        if split and part is None:
            raise DataError(f"{where}: the split {split[:60]!r} is unknown, expected train, val or test")
        # Labels and groups repeat: one text for each is kept.
        yield name, sys.intern(plain_name(label)), part, group or None


def _places(names: list[str], path: Path) -> list[int]:
    """Return the index of each column; an index beyond each row for a missing one."""
    if len(names) > MOST_COLUMNS:
        raise DataError(f"{path} has {len(names):,} columns, expected path,label with split and group")
    for column in _COLUMNS:
        if names.count(column) > 1:
            raise DataError(f"{path} has two columns {column!r}: leave one out")
        if column in ("path", "label") and column not in names:
            raise DataError(
                f"{path} has no column {column!r}: its first line must be "
                "path,label, and optionally split and group"
            )
    return [names.index(column) if column in names else sys.maxsize for column in _COLUMNS]


def _readable(reader: Any, path: Path) -> Iterator[list[str]]:
    """Yield a reader's rows. Raises DataError with the line number where a row is not CSV."""
    try:
        yield from reader
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num} can't be read as CSV: {error}") from error
