"""The content of a card and of a report page, in sections of blocks; text is escaped when it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Table:
    """A head and rows of the same length; the first `left` columns are text, the others numbers."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1

    def markdown(self) -> list[str]:
        """Return it as lines of Markdown."""
        rule = "|" + "---|" * self.left + "---:|" * (len(self.head) - self.left)
        return [_line(self.head), rule, *map(_line, self.rows)]


@dataclass(frozen=True, slots=True)
class ReportImage:
    """An image of the bundle, and what to read where it can't be seen."""

    file: str
    alt: str


@dataclass(frozen=True, slots=True)
class Photo:
    """An image of the dataset: uint8 H×W (gray) or H×W×3 (BGR), and its id.

    The caption is plain text in pieces: the first one and every other one after it are bold.
    """

    image: NDArray[np.uint8]
    id: str
    caption: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gallery:
    """Images of the dataset, for a page alone: a bundle contains none."""

    photos: tuple[Photo, ...]


# A paragraph, a list, a table, an image or photos. Text may have `code` and **bold** in it, as in Markdown.
Block = str | tuple[str, ...] | Table | ReportImage | Gallery


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A title and its content; a folded section is collapsed on a page."""

    title: str
    blocks: tuple[Block, ...]
    folded: bool = False


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(c.replace("\\", "\\\\").replace("|", "\\|") for c in cells) + " |"
