"""Reads the labels of a model in all formats that users and other tools write.

One label a line, with or without numbers and quotes; CSV, JSON, YAML, Python literals. A number is the index
of the label's output, whatever the order of the lines.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.errors import LabelsError
from edgecnn.io.regular import read_regular
from edgecnn.io.unicode_form import plain_name
from edgecnn.tflite.label_formats import Entries, LabelEntry, read_structure, read_table

if TYPE_CHECKING:
    import os

# The limits of labels inside a model file, too.
MOST_BYTES, MOST_LABELS = 1 << 20, 100_000
# A line with a number. Some separators show clearly that the number counts (strong), others do not (weak).
_NUMBERED = re.compile(
    r"""(?P<quote>["']?)(?P<number>\d{1,9})(?P=quote)
        (?:(?P<strong>\s*[:=;,|]\s*|[.)]\s+|\s+[-–]\s+|\s*\t\s*)|(?P<weak>\s+))
        (?P<name>\S.*)""",
    re.VERBOSE,
)
# Fewer lines may have the number of their place by chance.
_FEWEST = 3
# A list with missing or repeated numbers must have at least this share of all numbers.
_SURE, _LIKELY = 0.5, 0.75
_MOST_LINES = 10


def read_labels(path: str | os.PathLike[str]) -> list[str]:
    """Read the labels of a file, in the order of the model's outputs. Raises LabelsError."""
    try:
        data = read_regular(path, MOST_BYTES)
    except OSError as error:
        raise LabelsError(f"{path} can't be read: {error.strerror}; expected one label a line") from error
    return parse_labels(data, str(path))


def parse_labels(data: bytes, source: str) -> list[str]:
    """Read labels from the bytes of a text, in the order of the model's outputs.

    Numbers count where they are those from 0, or from 1, each once: `9: j`, `0,x`, `0. x`, `0000 x`, `"0" x`,
    a CSV or a map. "3 series" alone is a label. Blank lines and blanks around labels are ignored.

    Parameters
    ----------
    source
        Its name in messages.

    Raises
    ------
    LabelsError
        If the text is not UTF-8, or a number is missing or repeated; the message names the line.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelsError(f"{source} is no UTF-8 text: save it as UTF-8, one label a line") from error
    split = _lines(text)
    _refuse_controls(split, source)
    entries = read_structure(text)
    if entries is not None:
        names = _in_order(entries, source)
        _refuse_controls(names, source, "label")  # an escape may stand for one
        return list(map(plain_name, names))
    if text.lstrip()[:1] in ("{", "[") and Path(source).suffix.lower() in (".json", ".yaml", ".yml"):
        raise LabelsError(f"{source} has no list of labels: expected a list, a map of numbers, or `names`")
    if len(split) > MOST_LABELS:
        raise LabelsError(f"{source} has {len(split):,} lines, expected at most {MOST_LABELS:,} labels")
    lines = [(k, line.strip()) for k, line in enumerate(split, 1) if line.strip()]
    return list(map(plain_name, _unquoted(_in_order(_of_lines(lines, source), source))))


def _lines(text: str) -> list[str]:
    # Not `splitlines`, which also splits at characters that labels may contain.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _refuse_controls(lines: list[str], source: str, what: str = "line") -> None:
    """Raise LabelsError for control characters, which no label has."""
    for number, line in enumerate(lines, 1):
        if line.isprintable():
            continue
        if odd := next((c for c in line if c != "\t" and unicodedata.category(c) == "Cc"), None):
            raise LabelsError(
                f"{source}: {what} {number} has the control character {odd!r}: expected one label a line"
            )


def _of_lines(lines: list[tuple[int, str]], source: str) -> Entries:
    """Return the labels of a text of lines, with their numbers if these count."""
    table = read_table(lines)
    if table and (_is_sound([e.number for e in table]) or _has_header(table, lines)):
        return table
    plain = [LabelEntry(None, line, f"line {k}") for k, line in lines]
    found = [(k, line, _NUMBERED.fullmatch(line)) for k, line in lines]
    numbered = [LabelEntry(int(m["number"]), m["name"].strip(), f"line {k}") for k, _, m in found if m]
    places = [(i, int(m["number"])) for i, (_, _, m) in enumerate(found) if m]
    if not numbered or not (
        _count(numbered, len(lines), all(m["strong"] for _, _, m in found if m))
        or _count_places(places, len(lines))
    ):
        return plain
    if len(numbered) < len(lines):
        k, line = next((k, line) for k, line, m in found if not m)
        raise LabelsError(
            f"{source} has no number in line {k}, {line!r:.60}, but in {len(numbered)} other lines: "
            "number all labels, from 0 on, or none"
        )
    return numbered


def _has_header(table: Entries, lines: list[tuple[int, str]]) -> bool:
    return len(table) == len(lines) - 1


def _count(entries: Entries, lines: int, strong: bool) -> bool:
    """Whether the numbers before labels are indices, and not parts of the labels as in "3 series"."""
    numbers = [e.number for e in entries]
    names = [e.name for e in entries]
    if len(set(names)) * 2 <= len(names):
        return False  # "2 door", "4 door": only the number distinguishes them
    if len(entries) < lines:
        # A line without a number is a mistake only in a long list.
        return (
            lines >= _MOST_LINES
            and len(entries) >= lines - lines // _MOST_LINES
            and _covers(numbers, _LIKELY)
        )
    if _is_sound(numbers):
        return True
    if sum(name[:1].isdecimal() for name in names) * 2 > len(names):
        return False  # "0.5 mm", "12:30"
    return min(n for n in numbers if n is not None) == 0 or _covers(numbers, _SURE if strong else _LIKELY)


def _count_places(places: list[tuple[int, int]], lines: int) -> bool:
    """Whether at least half of the lines have a number, always that of their place."""
    if len(places) < max(_FEWEST, lines / 2):
        return False
    return any(all(number == place + start for place, number in places) for start in (0, 1))


def _covers(numbers: list[int | None], share: float) -> bool:
    """Whether more than a share of the numbers of a list of this length exist."""
    known = set(numbers)
    return any(
        sum(n in known for n in range(start, len(numbers) + start)) > share * len(numbers) for start in (0, 1)
    )


def _is_sound(numbers: list[int | None]) -> bool:
    """Whether numbers are consecutive from 0 or from 1, each once."""
    if None in numbers:
        return False
    return sorted(n for n in numbers if n is not None) in (
        list(range(len(numbers))),
        list(range(1, len(numbers) + 1)),
    )


def _in_order(entries: Entries, source: str) -> list[str]:
    """Return the labels sorted by number, or in their order without numbers. Raises LabelsError."""
    if all(e.number is None for e in entries):
        return [e.name for e in entries]
    where: dict[int, LabelEntry] = {}
    for entry in entries:
        if entry.number is None:
            raise LabelsError(f"{source} has no number in {entry.where}: number all labels or none")
        if entry.number in where:
            raise LabelsError(
                f"{source} has the number {entry.number} twice: {where[entry.number].name!r:.60} and, in "
                f"{entry.where}, {entry.name!r:.60}; expected each number once"
            )
        where[entry.number] = entry
    ordered = sorted(where)
    first = ordered[0] if ordered[0] in (0, 1) else 0
    for expected, number in enumerate(ordered, first):
        if number != expected:
            raise LabelsError(
                f"{source} has no number {expected}: in {where[number].where} follows {number}, "
                f"{where[number].name!r:.60}; expected every number from {first} on, one for each output"
            )
    return [where[number].name for number in ordered]


def _unquoted(names: list[str]) -> list[str]:
    """Remove quotes, and a comma after them, if every label has them."""
    for quote in ('"', "'"):
        bare = [name.rstrip(",").rstrip() for name in names]
        if all(len(name) > 2 and name[0] == name[-1] == quote for name in bare) and bare:
            return [name[1:-1].replace(quote * 2, quote).strip() for name in bare]
    return names
