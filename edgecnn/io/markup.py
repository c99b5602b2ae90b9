"""HTML pages: templates that escape everything that is not `Html`.

Labels, titles and file names are untrusted text.
"""

from __future__ import annotations

import html
import re
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Html(str):
    """Markup that was created here; every other text is escaped before it is filled in."""

    __slots__ = ()


def fill(template: str, **values: str) -> Html:
    """Fill in values; those that are not `Html` are escaped, quotes too."""
    safe = {name: v if isinstance(v, Html) else html.escape(v) for name, v in values.items()}
    return Html(Template(template).substitute(safe))


def joined(parts: Iterable[Html]) -> Html:
    """Join markup by line breaks."""
    return Html("\n".join(parts))


def prose(text: str) -> Html:
    """Return a text with its `code` and **bold** as markup, and everything else escaped."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
    return Html(re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", marked))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> Html:
    """Return a table; the first `left` columns hold text, the others numbers."""

    def row(cells: Sequence[str], tag: str) -> Html:
        words = Html(' class="left"')
        made = (
            fill(f"<{tag}$kind>$cell</{tag}>", kind=words if i < left else "", cell=cell)
            for i, cell in enumerate(cells)
        )
        return fill("<tr>$cells</tr>", cells=Html("".join(made)))

    body = joined([row(head, "th"), *(row(cells, "td") for cells in rows)])
    return fill("<div><table>\n$rows\n</table></div>", rows=body)
