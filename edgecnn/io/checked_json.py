"""Reads untrusted JSON strictly and checks each value where it is read: an error names the value's place."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from edgecnn.io.json_text import to_json
from edgecnn.io.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_DEPTH = 32
_SHOWN = 40


class JsonError(ValueError):
    """An error in a JSON text: its place, what was got, what was expected; not the file's name."""


def parse_json(data: bytes) -> Any:
    """Return the value of a JSON text in UTF-8, with or without a byte order mark.

    Raises JsonError for what Python's reader accepts in addition: NaN, infinity, a key twice in one table;
    and for more than 32 levels.
    """
    try:
        text = data.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=_table, parse_constant=_refuse, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise JsonError(f"it is no UTF-8 text: byte {error.start:,}") from error
    except RecursionError as error:
        raise JsonError(f"it has more than {MOST_DEPTH} levels") from error
    except JsonError:
        raise
    except ValueError as error:  # also for an integer of more than 4,300 digits
        raise JsonError(f"it is no JSON: {error}") from error
    _check_depth(value)
    return value


class Field(NamedTuple):
    """A value of a JSON file and its place there, such as `variants.int8.sha256`.

    Each method returns the value as one type, or raises JsonError.
    """

    place: str
    value: Any

    def table(self) -> dict[str, Any]:
        """Return a JSON object."""
        if type(self.value) is not dict:
            raise self.wrong("a table of keys and values")
        return self.value

    def fields(self) -> dict[str, Field]:
        """Return the fields of a JSON object by their keys."""
        return {key: self._below(key, value) for key, value in self.table().items()}

    def __call__(self, key: str) -> Field:
        """Return the field of a required key."""
        table = self.table()
        if key not in table:
            raise JsonError(f"{self.place or 'it'} lacks the key {key!r}")
        return self._below(key, table[key])

    def find(self, key: str) -> Field | None:
        """Return the field of a key; None where it is missing."""
        return self(key) if key in self.table() else None

    def closed(self, *keys: str) -> Field:
        """Return the field of a JSON object that has none but these keys."""
        for key in self.table():
            if key not in keys:
                raise JsonError(
                    f"{self.place or 'it'} has the key {_shown(key)}, expected only {', '.join(keys)}"
                )
        return self

    def text(self, most: int = 1000, least: int = 1) -> str:
        """Return a text of `least` to `most` characters, without control characters."""
        if not _is_text(self.value, least, most):
            raise self.wrong(f"a text of {least:,} to {most:,} characters without control characters")
        return str(self.value)

    def texts(self, most: int, longest: int) -> tuple[str, ...]:
        """Return a list of 1 to `most` texts, none of them blank; see `text`."""
        values = self._list(most)
        for i, value in enumerate(values):
            if not (_is_text(value, 1, longest) and value.strip()):
                raise self._below(i, value).wrong(
                    f"a text of 1 to {longest:,} characters without control characters"
                )
        return tuple(values)

    def integer(self, low: int, high: int) -> int:
        """Return a whole number; true and 1.0 are not whole numbers."""
        if type(self.value) is not int or not low <= self.value <= high:
            raise self.wrong(f"a whole number from {low:,} to {high:,}")
        return self.value

    def boolean(self) -> bool:
        """Return true or false."""
        if type(self.value) is not bool:
            raise self.wrong("true or false")
        return self.value

    def number(self, low: float, high: float) -> float:
        """Return a finite number."""
        if not _is_number(self.value) or not low <= self.value <= high:
            raise self.wrong(f"a number from {low:g} to {high:g}")
        return float(self.value)

    def numbers(self, count: int, most: float = 1e9) -> tuple[float, ...]:
        """Return a list of exactly `count` finite numbers, each at most `most` from zero."""
        values = self._exactly(count, "numbers")
        # A thousand in one step, since this is read at every start.
        if set(map(type, values)) <= {int, float} and -most <= min(values) and max(values) <= most:
            floats = tuple(map(float, values))
            if math.isfinite(sum(floats)):
                return floats
        return tuple(self._below(i, value).number(-most, most) for i, value in enumerate(values))

    def rows(self, count: int) -> list[Field]:
        """Return the fields of a list of exactly `count` values."""
        values = self._exactly(count, "values")
        return [self._below(i, value) for i, value in enumerate(values)]

    def choice(self, choices: Iterable[str]) -> str:
        """Return one of these texts."""
        known = tuple(choices)
        if type(self.value) is not str or self.value not in known:
            raise self.wrong(f"one of {', '.join(known)}")
        return self.value

    def wrong(self, expected: str) -> JsonError:
        """Return the error that says what was got, and what was expected."""
        return JsonError(f"{self.place or 'it'} is {_shown(self.value)}, expected {expected}")

    def _list(self, most: int) -> list[Any]:
        if type(self.value) is not list or not 1 <= len(self.value) <= most:
            raise self.wrong(f"a list of 1 to {most:,}")
        return self.value

    def _exactly(self, count: int, what: str) -> list[Any]:
        if type(self.value) is not list or len(self.value) != count:
            raise self.wrong(f"a list of {count:,} {what if count > 1 else what.removesuffix('s')}")
        return self.value

    def _below(self, key: str | int, value: Any) -> Field:
        if isinstance(key, int):
            return Field(f"{self.place}[{key}]", value)
        name = _cut(printable(key))
        return Field(f"{self.place}.{name}" if self.place else name, value)


def _is_text(value: Any, least: int, most: int) -> bool:
    return type(value) is str and least <= len(value) <= most and printable(value) == value


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _shown(value: Any) -> str:
    """Return a value as shown in an error: short, in one line."""
    if isinstance(value, dict):
        return "a table" if value else "an empty table"
    if isinstance(value, list):
        return f"a list of {len(value):,}"
    if isinstance(value, bool) or value is None:
        return to_json(value)
    return _cut(printable(repr(value)))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise JsonError(f"it has the key {_shown(key)} twice in one table, expected once")
            seen.add(key)
    return table


def _refuse(constant: str) -> NoReturn:
    raise JsonError(f"it has {constant}, which is no number in JSON")


def _finite(text: str) -> float:
    value = float(text)
    if -math.inf < value < math.inf:
        return value
    raise JsonError(f"it has {_cut(text)}, which is too large for a number")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [
            inner
            for outer in level
            if type(outer) in (dict, list)
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in (dict, list)
        ]
        if not level:
            return
    raise JsonError(f"it has more than {MOST_DEPTH} levels")
