"""Untrusted text in Matplotlib figures: fonts with its characters, replacements where none has them."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from edgecnn.image.fonts import fonts_with, likeness, tell_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_FONT = "DejaVu Sans"  # installed with Matplotlib


@contextmanager
def figure_texts(texts: Iterable[str]) -> Iterator[Callable[[str], str]]:
    """Choose fonts for these texts while a figure is drawn and saved; yield a function that prepares a text.

    It escapes `$`: a pair of them would be read as mathematics.
    """
    from matplotlib import font_manager, rc_context

    known = set(font_manager.get_font(font_manager.findfont(_FONT)).get_charmap())
    families: dict[str, None] = {}
    for char in sorted(set("".join(texts))):
        if ord(char) in known or char.isspace():
            continue
        for path in fonts_with(char):
            found = font_manager.get_font(path).get_charmap()
            if ord(char) in found:
                font_manager.fontManager.addfont(path)
                families[font_manager.FontProperties(fname=path).get_name()] = None
                known |= set(found)
                break

    def write(text: str) -> str:
        shown = likeness(text, lambda char: ord(char) in known or char.isspace())
        if shown != text:
            tell_once(text, shown)
        return shown.replace("$", r"\$")

    with rc_context({"font.family": [_FONT, *families]} if families else {}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield write
