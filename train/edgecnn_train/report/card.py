"""The card of a bundle, in Markdown: what it knows, how well, at what cost, and where it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn_train.report.content import Block, Picture, sections
from edgecnn_train.report.tables import Table

if TYPE_CHECKING:
    from edgecnn_train.verify import Verified


def card(manifest: dict[str, Any], result: Verified) -> str:
    """Return the bundle's CARD.md, which has no photo in it."""
    first, *others = sections(manifest, result)
    lines = [
        f"# {manifest['title']}",
        "",
        f"`edgecnn classify PICTURE --model {manifest['name']}`",
        "",
        *_blocks(first.blocks),
    ]
    for section in others:
        lines += [f"## {section.title}", "", *_blocks(section.blocks)]
    lines.append(
        f"The pictures that it gets most wrong are in `{manifest['name']}.report.html`, beside the bundle "
        "where it was trained: the bundle has no picture of its data in it."
    )
    return "\n".join(lines) + "\n"


def _blocks(blocks: tuple[Block, ...]) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        match block:
            case Table():
                lines += block.markdown()
            case Picture():
                lines.append(f"![{block.alt}]({block.file})")
            case tuple():
                lines += [f"- {line}" for line in block]
            case _:
                lines.append(block)
        lines.append("")
    return lines
