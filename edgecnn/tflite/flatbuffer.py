"""Reads untrusted flatbuffers: checks every offset, and limits how much is read.

Flatbuffers' own Python code checks no offset, and tables may share parts, so that a small file can
represent an endless tree. https://flatbuffers.dev/internals
"""

from __future__ import annotations

import re
import struct
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

_COUNT, _INT, _SHORT = struct.Struct("<I"), struct.Struct("<i"), struct.Struct("<H")
_SCALARS = {
    "bool": "<?",
    "byte": "<i1",
    "ubyte": "<u1",
    "int": "<i4",
    "uint": "<u4",
    "long": "<i8",
    "ulong": "<u8",
    "float": "<f4",
}

MOST_STRING = 65_535

# A field: its name, its place in the table's list of fields, its kind, and its default.
Field = tuple[str, int, str, Any]


class FlatbufferError(ValueError):
    """Bytes that are not such a flatbuffer; the message is one clause with the reason."""


def read_schema(text: str) -> dict[str, tuple[Field, ...]]:
    """Read an excerpt of a schema: `table Name { field:type = default; … }`.

    Types are scalars, `string`, another table, `[…]` for a vector of one, and `union`, whose value is the
    place of a table that `Flatbuffer.table` reads as the kind that it is. A field named `_` is skipped.
    """
    tables = {}
    for name, body in re.findall(r"table (\w+) \{(.*?)\}", text, re.DOTALL):
        fields = []
        for place, entry in enumerate(body.split(";")[:-1]):
            field, _, rest = entry.strip().partition(":")
            kind, _, value = rest.replace(" ", "").partition("=")
            if field != "_":
                fields.append((field, place + 2, kind, _default(kind, value)))
        tables[name] = tuple(fields)
    return tables


def _default(kind: str, value: str) -> Any:
    if kind.startswith("["):
        item = kind[1:-1]
        return np.empty(0, _SCALARS[item]) if item in _SCALARS else ()
    return int(value or 0) if kind in _SCALARS else None


class Flatbuffer:
    """One flatbuffer.

    Vectors of scalars are views of the bytes, vectors of tables are lists. A missing vector is empty; a
    missing table or string is None.

    Parameters
    ----------
    data
        The bytes; they may continue after the flatbuffer.
    tables
        The result of `read_schema`.
    most_tables, most_values
        The most tables, and the most values of vectors (except of bytes), that may be read in total.
    """

    def __init__(
        self, data: bytes, tables: dict[str, tuple[Field, ...]], most_tables: int, most_values: int
    ) -> None:
        self._data, self._schema = data, tables
        self._tables_left, self._values_left = most_tables, most_values
        self._most = f"{most_tables:,} tables or {most_values:,} values"
        self._kinds: dict[str, Callable[[int], Any]] = {}

    def root(self, kind: str) -> Any:
        """Return the flatbuffer's root table. Raises FlatbufferError."""
        return self.table(kind, self._follow(0))

    def table(self, kind: str, at: int) -> Any:
        """Return the table at a place as an object with the schema's fields. Raises FlatbufferError."""
        self._spend(1, 0)
        try:
            listed = at - _INT.unpack_from(self._data, at)[0]
            if listed < 0:
                raise FlatbufferError(f"the table at byte {at:,} points in front of the file")
            (size,) = _SHORT.unpack_from(self._data, listed)
            if size < 4 or size % 2:
                raise FlatbufferError(f"the table at byte {at:,} has a list of fields of {size} bytes")
            offsets = struct.unpack_from(f"<{size // 2}H", self._data, listed)
            fields = {
                name: self._read(kind, at + offsets[place])
                if place < len(offsets) and offsets[place]
                else default
                for name, place, kind, default in self._schema[kind]
            }
        except struct.error:
            raise FlatbufferError(f"the table at byte {at:,} reaches beyond the file") from None
        return SimpleNamespace(**fields)

    def _read(self, kind: str, at: int) -> Any:
        if kind not in self._kinds:
            self._kinds[kind] = self._reader(kind)
        return self._kinds[kind](at)

    def _reader(self, kind: str) -> Callable[[int], Any]:
        if kind in _SCALARS:
            scalar = struct.Struct("<" + np.dtype(_SCALARS[kind]).char)
            return lambda at: scalar.unpack_from(self._data, at)[0]
        if kind == "string":
            return self._string
        if kind == "union":
            return self._follow
        if not kind.startswith("["):
            return lambda at: self.table(kind, self._follow(at))
        item = kind[1:-1]
        if item in _SCALARS:
            dtype = np.dtype(_SCALARS[item])
            return lambda at: self._vector(at, dtype)
        return lambda at: self._tables(at, item)

    def _follow(self, at: int) -> int:
        try:
            return at + int(_COUNT.unpack_from(self._data, at)[0])
        except struct.error:
            raise FlatbufferError(f"byte {at:,} is wanted, which lies beyond the file") from None

    def _extent(self, at: int, size: int) -> tuple[int, int]:
        """Return the place of a vector's first item, and the number of items."""
        start = self._follow(at)
        count = self._follow(start) - start
        if start + 4 + count * size > len(self._data):
            raise FlatbufferError(
                f"the list at byte {start:,} has {count:,} items, beyond the end of the file"
            )
        return start + 4, count

    def _vector(self, at: int, dtype: np.dtype[Any]) -> Any:
        start, count = self._extent(at, dtype.itemsize)
        if dtype.itemsize > 1:
            self._spend(0, count)
        return np.frombuffer(self._data, dtype, count, start)

    def _string(self, at: int) -> bytes:
        start, count = self._extent(at, 1)
        if count > MOST_STRING:
            raise FlatbufferError(
                f"the string at byte {start:,} has {count:,} bytes, expected {MOST_STRING:,}"
            )
        return self._data[start : start + count]

    def _tables(self, at: int, kind: str) -> list[Any]:
        start, count = self._extent(at, 4)
        if count > self._tables_left:
            self._spend(count, 0)
        return [self.table(kind, self._follow(k)) for k in range(start, start + 4 * count, 4)]

    def _spend(self, tables: int, values: int) -> None:
        self._tables_left -= tables
        self._values_left -= values
        if self._tables_left < 0 or self._values_left < 0:
            raise FlatbufferError(f"it has more than {self._most}")
