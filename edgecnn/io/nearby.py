"""Suggestions for a mistyped name."""

from __future__ import annotations

import difflib
import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# How similar two names must be, 0 to 1; and how many names of a folder are compared.
_ALIKE, _MOST_NAMES = 0.7, 10_000


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the most similar known name, or None."""
    return next(iter(difflib.get_close_matches(name, list(known), 1, _ALIKE)), None)


def did_you_mean(path: str | os.PathLike[str]) -> str:
    """Return `; did you mean 'shots/cat.jpg'?` for a path that does not exist, or nothing.

    The first missing part of the path is replaced by the most similar name in its folder; the rest of the
    path must then exist.
    """
    parts = Path(path).parts
    try:
        for k in range(len(parts)):
            if not os.path.lexists(Path(*parts[: k + 1])):
                start = "./" if os.fspath(path).startswith("./") else ""
                return _instead(Path(*parts[:k]), parts[k], parts[k + 1 :], start)
    except (OSError, ValueError):  # a folder that may not be read, a name that no file can have
        return ""
    return ""


def _instead(folder: Path, missing: str, rest: tuple[str, ...], start: str) -> str:
    with os.scandir(folder) as entries:
        names = [e.name for e in islice(entries, _MOST_NAMES) if not e.name.startswith(".")]
    near = nearest(missing, names)
    if near is None:
        return ""
    meant = folder.joinpath(near, *rest)
    return f"; did you mean {start + str(meant)!r}?" if os.path.lexists(meant) else ""
