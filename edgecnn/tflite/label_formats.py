"""Reads lists of labels in JSON, YAML, Python literals and CSV, as datasets and exporters write them.

Each function takes text and returns `Entries`, the labels with their numbers, or None for a text in another
format. Of YAML, only block and flow lists and maps are read.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# The keys of labels, in the order of the search.
KEYS = (
    "names", "labels", "classes", "class_names", "id2label", "label_map", "categories", "class_indices",
    "index_to_name", "label2id", "class_to_idx",
)  # fmt: skip
# The keys of an object that represents one class.
_NUMBER_KEYS = ("id", "index", "class_id", "classid", "number", "value")
_NAME_KEYS = ("name", "label", "class", "classname", "class_name", "display_name", "title")
_MOST_DEPTH = 4
_SYNSET = re.compile(r"n\d{8}")


class LabelEntry(NamedTuple):
    """One label with its number (None without one) and its place in the text, such as `line 3`."""

    number: int | None
    name: str
    where: str


Entries = list[LabelEntry]


def read_structure(text: str) -> Entries | None:
    """Read a JSON or Python literal, or YAML with keys or dashes; None for anything else."""
    stripped = text.strip()
    if stripped[:1] in ("{", "["):
        return find_labels_in(_literal(stripped))
    return _yaml(text)


def find_labels_in(value: Any, depth: int = 0) -> Entries | None:
    """Return the labels of a list, of a map of numbers and names, or of the value of one of `KEYS`."""
    if depth > _MOST_DEPTH:
        return None
    if isinstance(value, Mapping):
        folded = {str(key).lower(): entry for key, entry in value.items()}
        for key in KEYS:
            if isinstance(folded.get(key), Mapping | Sequence) and not isinstance(folded[key], str):
                return find_labels_in(folded[key], depth + 1)
        return _of_map(value)
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return _of_list(value)
    return None


def _of_list(values: Sequence[Any]) -> Entries | None:
    found = []
    for place, value in enumerate(values):
        where = f"entry {place + 1}"
        if isinstance(value, Mapping):
            folded = {str(key).lower(): entry for key, entry in value.items()}
            number = next((_whole(folded[key]) for key in _NUMBER_KEYS if key in folded), None)
            name = next((_name(folded[key]) for key in _NAME_KEYS if key in folded), None)
        else:
            number, name = None, _name(value)
        if name is None:
            return None
        found.append(LabelEntry(number, name, where))
    return found


def _of_map(value: Mapping[Any, Any]) -> Entries | None:
    """Read a map of numbers to names or of names to numbers."""
    numbers = [_whole(key) for key in value]
    if value and all(number is not None for number in numbers):
        names = [_name(entry) for entry in value.values()]
    elif value and all(type(entry) is int or isinstance(entry, str) for entry in value.values()):
        numbers = [_whole(entry) for entry in value.values()]
        names = [_name(key) for key in value]
    else:
        return None
    if any(part is None for part in (*numbers, *names)):
        return None
    return [LabelEntry(n, str(name), f"key {n}") for n, name in zip(numbers, names, strict=True)]


def _name(value: Any) -> str | None:
    """Return a label: text, a number as text, or the last text of a pair such as ["n01440764", "tench"]."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, Sequence) and value and all(isinstance(part, str) for part in value):
        texts = [part for part in value if not _SYNSET.fullmatch(part)]
        return _name((texts or value)[-1])
    if isinstance(value, Mapping):
        folded = {str(key).lower(): entry for key, entry in value.items()}
        return next((_name(folded[key]) for key in _NAME_KEYS if isinstance(folded.get(key), str)), None)
    return None


def _whole(value: Any) -> int | None:
    if type(value) is int:
        return value
    # No model needs more digits, and very long numbers are slow to read.
    return int(value) if isinstance(value, str) and re.fullmatch(r"\s*\d{1,9}\s*", value) else None


def _pairs(pairs: list[tuple[Any, Any]]) -> Any:
    """Keep repeated keys of an object whose keys are numbers: `labels` refuses them."""
    whole = all(isinstance(key, str) and key.strip().isdecimal() for key, _ in pairs)
    if whole and len({key for key, _ in pairs}) < len(pairs):
        return [{"id": key, "name": value} for key, value in pairs]
    return dict(pairs)


def _literal(text: str) -> Any:
    """Return the value of a JSON text or of a Python literal; None for neither."""
    try:
        return json.loads(text, object_pairs_hook=_pairs)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return _flow(text)


def _flow(text: str) -> Any:
    """Read YAML's flow format without quotes, `[a, b]` or `{0: a, 1: b}`; None if it is neither."""
    if not re.fullmatch(r"\[.*\]|\{.*\}", text, re.DOTALL):
        return None
    try:
        parts = next(csv.reader([" ".join(text[1:-1].split())], skipinitialspace=True))
    except (csv.Error, StopIteration):
        return None
    parts = [part.strip() for part in parts]
    parts = [_unquoted(part) for part in parts if part]
    if text[0] == "[":
        return parts
    pairs = [part.partition(":") for part in parts]
    return _pairs([(_unquoted(key.strip()), _unquoted(name.strip())) for key, _, name in pairs])


# A key and its value. Longer lines are no such pair, and slow to match.
_LONGEST_LINE = 1000
_PAIR = re.compile(r"""(?P<key>"[^"]*"|'[^']*'|[^\s"'#:][^:]*?)\s*:(?:\s+(?P<value>.*))?""")


def _yaml(text: str) -> Entries | None:
    """Read the labels of a YAML file: under one of `KEYS`, or a list or map as the whole file."""
    lines = [
        (number, line.rstrip())
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#") and line.strip() not in ("---", "...")
    ]
    for place, (_, line) in enumerate(lines):
        found = _pair(line)
        if not found or _unquoted(found["key"]).lower() not in KEYS:
            continue
        value = _without_comment(found["value"] or "")
        if value[:1] in ("[", "{"):
            closing = "]" if value[0] == "[" else "}"
            rest = [value, *(_without_comment(following.strip()) for _, following in lines[place + 1 :])]
            end = next((k for k, part in enumerate(rest) if part.endswith(closing)), None)
            return None if end is None else find_labels_in(_literal(" ".join(rest[: end + 1])))
        if not value:
            return _block(list(_indented(lines[place + 1 :])))
    # A whole file of dashes is a list; one of `number: name` is read as numbered lines.
    return _block(lines) if lines and all(line.lstrip().startswith("- ") for _, line in lines) else None


def _pair(line: str) -> re.Match[str] | None:
    return _PAIR.fullmatch(line) if len(line) <= _LONGEST_LINE else None


def _indented(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield the lines that belong to the key above: indented ones, or dashes at the margin."""
    for number, line in lines:
        if not line[:1].isspace() and not line.startswith("- "):
            return
        yield number, line


def _block(lines: list[tuple[int, str]]) -> Entries | None:
    found = []
    for number, line in lines:
        text = _without_comment(line.strip())
        if text.startswith("- "):
            found.append(LabelEntry(None, _unquoted(text[2:].strip()), f"line {number}"))
            continue
        pair = _pair(text)
        if not pair or not pair["value"]:
            return None
        key, value = _unquoted(pair["key"]), _unquoted(pair["value"].strip())
        whole, name = (_whole(key), value) if _whole(key) is not None else (_whole(value), key)
        if whole is None:
            return None
        found.append(LabelEntry(whole, name, f"line {number}"))
    return found or None


def _without_comment(text: str) -> str:
    return text if text[:1] in "\"'" else re.split(r"\s#", text, maxsplit=1)[0].rstrip()


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def read_table(lines: list[tuple[int, str]]) -> Entries | None:
    """Read CSV: a header with columns for numbers and names, or rows of a number and a name.

    Parameters
    ----------
    lines
        The lines that are not blank, with their line numbers.
    """
    for separator in (",", ";", "\t", ":"):
        if sum(separator in line for _, line in lines) < max(1, len(lines) - 1):
            continue
        text = "\n".join(line for _, line in lines)
        try:
            rows = [
                [part.strip() for part in row] for row in csv.reader(io.StringIO(text), delimiter=separator)
            ]
        except csv.Error:
            return None
        if len(rows) != len(lines) or len({len(row) for row in rows}) != 1 or len(rows[0]) < 2:
            return None
        if separator == ":" and len(rows[0]) > 2:  # colons within names
            return None
        return _of_rows(rows, [f"line {number}" for number, _ in lines])
    return None


def _of_rows(rows: list[list[str]], where: list[str]) -> Entries | None:
    """Read rows of equal length: one column has whole numbers, another one the names."""
    body, places = (rows[1:], where[1:]) if not any(map(_is_whole, rows[0])) else (rows, where)
    if not body:
        return None
    columns = list(zip(*body, strict=True))
    numbers = next((k for k, column in enumerate(columns) if all(map(_is_whole, column))), None)
    if numbers is None:
        return None
    header = [cell.lower() for cell in rows[0]] if body is not rows else []
    named = [k for k, cell in enumerate(header) if cell in _NAME_KEYS and k != numbers]
    texts = [k for k, column in enumerate(columns) if k != numbers and not all(map(_is_whole, column))]
    names = next(iter([*named, *texts, *(k for k in range(len(columns)) if k != numbers)]))
    if not all(columns[names]):
        return None
    return [LabelEntry(int(row[numbers]), row[names], at) for row, at in zip(body, places, strict=True)]


def _is_whole(cell: str) -> bool:
    return re.fullmatch(r"\d{1,9}", cell) is not None
