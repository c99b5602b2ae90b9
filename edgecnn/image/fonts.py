"""Finds system fonts by character, and replaces characters that no font has."""

from __future__ import annotations

import re
import shutil
import unicodedata
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from edgecnn.io.quiet import say
from edgecnn.machine.program import run_program

if TYPE_CHECKING:
    from collections.abc import Callable

_LISTING_S = 5
_MOST = 5
# The most characters for which a process asks fontconfig.
_MOST_ASKED = 200
_SPECIAL = re.compile(r"bold|italic|oblique|mono|condensed|serif|light|thin|black", re.IGNORECASE)
# Letters that Unicode does not decompose into a plain letter and a mark.
_PLAIN = str.maketrans({
    "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
    "đ": "d", "Đ": "D", "ð": "d", "þ": "th", "×": "x", "–": "-", "—": "-", "…": "...",
})  # fmt: skip
_asked: set[str] = set()
_told: set[str] = set()


@cache
def fonts_with(char: str) -> tuple[str, ...]:
    """Return the files of up to five outline fonts that have a character, plain ones first.

    Empty without fontconfig (`fc-list`), and after many calls.
    """
    program = shutil.which("fc-list")
    _asked.add(char)
    if program is None or len(_asked) > _MOST_ASKED:
        return ()
    pattern = f":charset={ord(char):x}:scalable=true:color=false"
    listing = run_program([program, "-f", "%{file}\n", pattern], _LISTING_S).stdout
    found = {line for line in listing.splitlines() if line.endswith((".ttf", ".otf", ".ttc"))}
    return tuple(sorted(found, key=lambda path: (bool(_SPECIAL.search(path)), path))[:_MOST])


def likeness(text: str, has: Callable[[str], bool]) -> str:
    """Return a text in which each run of characters that no font has is replaced by readable text.

    `é` becomes `e`, 🐱 `[cat face]`, हिन्दी `[devanagari]`. Joiners, and marks on
    replaced characters, are removed.
    """
    if all(map(has, text)):
        return text
    return "".join(
        part if there else _words(part)
        for there, part in ((k, "".join(run)) for k, run in groupby(text, has))
    )


def tell_once(text: str, shown: str) -> None:
    """Print once per process that a text is drawn with replacements."""
    if not _told:
        _told.add(text)
        say(
            f"no font here has all characters of {text!r}, which is drawn as {shown!r}: install one that has "
            "them, such as with `sudo apt install fonts-noto-core fonts-noto-cjk`"
        )


def _words(run: str) -> str:
    """Describe characters that can't be drawn: by plain letters, else by name or script."""
    bare = "".join(
        c for c in unicodedata.normalize("NFKD", run.translate(_PLAIN)) if not unicodedata.combining(c)
    )
    if bare.isascii():
        return bare
    words = []
    for char in bare:
        kind, name = unicodedata.category(char), unicodedata.name(char, "").lower()
        if kind[0] in "LN" and not char.isascii():
            words.append(f"[{name.split()[0] if name else 'unknown letter'}]")
        elif kind[0] == "S" and kind != "Sk" and not char.isascii():
            words.append(f"[{name or 'unknown sign'}]")
        elif char.isascii():
            words.append(char)
    # One word for each run of letters of a script.
    return "".join(word for word, _ in groupby(words)) or "[unknown]"
