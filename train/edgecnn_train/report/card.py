"""The card of a bundle, in Markdown: its classes, accuracy, cost and failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn_train.report.content import Block, ReportImage, sections
from edgecnn_train.report.tables import Table

if TYPE_CHECKING:
    from edgecnn.evaluation.verified import Verified
    from edgecnn_train.record import TrainedModel


def card(model: TrainedModel, result: Verified) -> str:
    """Return the bundle's CARD.md, which has no photo in it."""
    first, *others = sections(model, result)
    lines = [
        f"# {model.manifest.title}",
        "",
        f"`edgecnn classify IMAGE --model {model.manifest.name}`",
        "",
        *_blocks(first.blocks),
    ]
    for section in others:
        lines += [f"## {section.title}", "", *_blocks(section.blocks)]
    lines.append(
        f"The images that it gets most wrong are in `{model.manifest.name}.report.html`, next to the bundle "
        "where it was trained: the bundle contains no image of its dataset."
    )
    return "\n".join(lines) + "\n"


def _blocks(blocks: tuple[Block, ...]) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        match block:
            case Table():
                lines += block.markdown()
            case ReportImage():
                lines.append(f"![{block.alt}]({block.file})")
            case tuple():
                lines += [f"- {line}" for line in block]
            case _:
                lines.append(block)
        lines.append("")
    return lines
