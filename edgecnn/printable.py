"""Makes texts of others safe to print: a label or a file's name must not command the terminal.

A terminal obeys escape sequences wherever they come from: they can clear the screen, set its title, write to
the clipboard, or show a text that is not there. So each control character is replaced by a visible sign of
the same width.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# C0 and DEL have pictures in Unicode (␛ for escape); C1 has none. Characters that turn the direction of the
# text around make a name look like another one (CVE-2021-42574). A lone surrogate is a byte of a file's name
# that is not UTF-8, and no encoding can print it.
_SIGNS = (
    {code: chr(0x2400 + code) for code in range(0x20)}
    | {0x7F: "\N{SYMBOL FOR DELETE}"}
    | dict.fromkeys(
        [*range(0x80, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)], _REPLACEMENT
    )
    | dict.fromkeys(range(0xD800, 0xE000), _REPLACEMENT)
)
_SIGNS_OF_TEXT = {code: sign for code, sign in _SIGNS.items() if chr(code) not in "\n\t"}


def printable(text: str) -> str:
    """Return a name or label, in one line, with a visible sign for each control character.

    It stays as long as it was; ordinary names stay as they are.
    """
    return text if text.isprintable() else text.translate(_SIGNS)


def printable_text(text: str) -> str:
    """Return a text of several lines with a visible sign for each control character but new line and tab."""
    return text if text.isprintable() else text.translate(_SIGNS_OF_TEXT)


def echo(text: str, *, err: bool = False) -> None:
    """Print a text and a new line to stdout or, with `err`, to stderr; to none where that is closed."""
    stream = sys.stderr if err else sys.stdout
    if stream is not None:
        stream.write(printable_text(text) + "\n")


def open_console(**options: Any) -> Console:
    """Return a Rich console that prints control characters of others as visible signs.

    `options` are those of `rich.console.Console`. What Rich writes itself, such as colours, stays.
    """
    from rich.console import Console, RenderHook
    from rich.segment import Segment

    class Printable:
        """A renderable whose text is printable."""

        def __init__(self, content: Any) -> None:
            self._content = content

        def __rich_console__(self, console: Console, options: Any) -> Any:
            for segment in console.render(self._content, options):
                yield (segment if segment.control else Segment(printable_text(segment.text), segment.style))

    class Clean(RenderHook):
        def process_renderables(self, renderables: list[Any]) -> list[Any]:
            return [Printable(r) for r in renderables]

    console = Console(**options)
    console.push_render_hook(Clean())
    return console
