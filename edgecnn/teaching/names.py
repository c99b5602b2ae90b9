"""Names of classes and photos, which become names of folders and files."""

from __future__ import annotations

import re
import time

from edgecnn.errors import DataError
from edgecnn.image.names import is_image_name, is_junk
from edgecnn.io.unicode_form import is_utf8, plain_name

_MOST_BYTES = 100
_SEPARATORS = re.compile(r"[/\\\0]")


def check_label(label: str) -> str:
    """Return the name of a class as its folder has it. Raises DataError for one that can't be a folder."""
    label = plain_name(label.strip())
    if not label:
        raise DataError("the class has no name: type one, such as cup")
    if (
        _SEPARATORS.search(label)
        or not label.isprintable()
        or is_junk(label)
        or label in (".", "..")
        or len(label.encode("utf-8", "replace")) > _MOST_BYTES
        or not is_utf8(label)
    ):
        raise DataError(
            f"a class can't be called {label[:40]!r}: expected up to {_MOST_BYTES} bytes of letters "
            "without / and \\, and no dot at the beginning"
        )
    return label


def is_class(name: str) -> bool:
    """Whether a folder's name, which another program may have given, can be a class's."""
    return bool(name) and not is_junk(name) and is_utf8(name)


def stamp(moment: float | None = None) -> str:
    """Return a time (seconds since the epoch; now for None) as the names of recorded photos begin."""
    return time.strftime("%Y%m%d-%H%M%S", time.localtime(moment))


def safe_name(name: str) -> str:
    """Return the last part of a file's name, fit for a folder; with an ending of an image."""
    last = _SEPARATORS.split(plain_name(name))[-1].lstrip(".").strip()
    last = "".join(c for c in last if c.isprintable() and is_utf8(c))
    last = last.encode()[-_MOST_BYTES:].decode("utf-8", "ignore").lstrip(".") or "photo"
    return last if is_image_name(last) else f"{last}.jpg"
