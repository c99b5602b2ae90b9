"""The card of a bundle, in Markdown, which has no photo in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.report.blocks import Block, Gallery, ReportImage, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edgecnn.report.blocks import ReportSection


def render_card(title: str, name: str, sections: Sequence[ReportSection]) -> str:
    """Return a bundle's CARD.md.

    Parameters
    ----------
    title, name
        The bundle's.
    sections
        What it says; the first one has no heading. Sections with photos are left out.
    """
    first, *others = (s for s in sections if not any(isinstance(block, Gallery) for block in s.blocks))
    lines = [
        f"# {title}",
        "",
        f"`edgecnn classify IMAGE --model {name}`",
        "",
        *_lines(first.blocks),
    ]
    for section in others:
        lines += [f"## {section.title}", "", *_lines(section.blocks)]
    lines.append(
        f"The images that it gets most wrong are in `{name}.report.html`, next to the bundle "
        "where it was trained: the bundle contains no image of its dataset."
    )
    return "\n".join(lines) + "\n"


def _lines(blocks: Iterable[Block]) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        match block:
            case Table():
                lines += block.markdown()
            case ReportImage():
                lines.append(f"![{block.alt}]({block.file})")
            case tuple():
                lines += [f"- {line}" for line in block]
            case str():
                lines.append(block)
        lines.append("")
    return lines
