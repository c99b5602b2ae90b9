"""Makes untrusted text safe to print: a label or a file's name must not control the terminal.

A terminal obeys escape sequences wherever they come from: they can clear the screen, set its title, write to
the clipboard, or show a false text. So each control character is replaced by a visible sign of
the same width.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# C0 and DEL have symbols in Unicode (␛ for escape). The others are: C1; line and paragraph separators; what
# reverses the direction of a text, so that a name looks like another one (CVE-2021-42574), and the
# deprecated formats next to it; interlinear annotations, which hide text; lone surrogates, which are bytes of
# a file's name that are not UTF-8 and can't be encoded. Ordinary names keep what they need: joiners and tags
# in emoji, variation selectors, and the marks of right-to-left scripts, which override nothing.
_OTHERS = (
    range(0x80, 0xA0), range(0x2028, 0x202F), range(0x2066, 0x2070), range(0xFFF9, 0xFFFC),
    range(0xD800, 0xE000),
)  # fmt: skip


@cache
def _signs(kept: str = "") -> dict[int, str]:
    """Return the sign for each control character except those kept."""
    signs = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\N{SYMBOL FOR DELETE}"}
    signs |= {code: _REPLACEMENT for codes in _OTHERS for code in codes}
    return {code: sign for code, sign in signs.items() if chr(code) not in kept}


def printable(text: str) -> str:
    """Return a name or label in one line, with a visible sign for each control character.

    Its length does not change; ordinary names are returned as they are.
    """
    return text if text.isprintable() else text.translate(_signs())


def printable_text(text: str) -> str:
    """Return a text with a visible sign for each control character except new line and tab."""
    return text if text.isprintable() else text.translate(_signs("\n\t"))


def echo(text: str, *, err: bool = False) -> None:
    """Print a line to stdout or, with `err`, to stderr, and flush; do nothing where that is closed."""
    stream = sys.stderr if err else sys.stdout
    if stream is not None:
        stream.write(printable_text(text) + "\n")
        stream.flush()


def open_console(**options: Any) -> Console:
    """Return a Rich console that prints text literally, with a visible sign for each control character.

    `options` are those of `rich.console.Console`. Markup, emoji codes and highlighting are off unless
    `options` say otherwise. What Rich writes itself, such as colors, stays.
    """
    from rich.console import Console
    from rich.segment import Segment

    class PrintableConsole(Console):
        """A console that makes all text printable, in live displays too.

        With `soft_wrap`, lines stay whole in a file or pipe; in a terminal, which would break them anywhere,
        they are broken between words.
        """

        def print(self, *objects: Any, soft_wrap: bool | None = None, **options: Any) -> None:
            """Print as Rich does."""
            super().print(*objects, soft_wrap=soft_wrap and not self.is_terminal, **options)

        def render(self, renderable: Any, options: Any = None) -> Iterator[Segment]:
            for segment in super().render(renderable, options):
                clean = printable_text(segment.text)
                if segment.control or clean is segment.text:
                    yield segment
                else:
                    yield Segment(clean, segment.style)

    return PrintableConsole(**({"markup": False, "emoji": False, "highlight": False} | options))
