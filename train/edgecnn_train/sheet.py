"""Contact sheets: rows of small images with captions, drawn with OpenCV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.image.text_drawing import drawable, put_text, text_width
from edgecnn.io.output import write_bytes, write_new_bytes
from edgecnn.io.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_MARGIN, _LINE = 8, 16
_INK, _PALE, _PAPER = (40, 40, 40), (120, 120, 120), (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Cell:
    """Images that belong together, drawn side by side with one caption below.

    Each image is uint8 H×W (gray), H×W×1 or H×W×3 (BGR), of any size.
    """

    images: tuple[NDArray[np.uint8], ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class SheetSection:
    """A title and the cells below it."""

    title: str
    cells: tuple[Cell, ...]


def contact_sheet(sections: Sequence[SheetSection], side: int = 96, columns: int = 10) -> NDArray[np.uint8]:
    """Draw a sheet: uint8 H×W×3 BGR.

    Parameters
    ----------
    side
        The side of the square that each image is fitted into, in pixels.
    columns
        How many images stand side by side at most; a cell is never broken.

    Captions and titles may hold any text; what can't be drawn here is replaced as in `drawable`.
    """
    rows = [row for section in sections for row in _rows(section, side, columns)]
    width = max([320, *(row.shape[1] for row in rows)])
    padded = [np.pad(r, ((0, 0), (0, width - r.shape[1]), (0, 0)), constant_values=_PAPER[0]) for r in rows]
    return np.vstack([*padded, _blank(_MARGIN, width)])


def drawable_labels(labels: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return names that can be drawn, one for each label and no two the same, and a legend.

    A character that no font here has is drawn as a similar one, such as `apfel` for `äpfel`; what has none,
    or would get the name of another label, becomes `#3`, its number; the legend explains these.
    """
    plain = [drawable(label) for label in labels]
    clear = [
        p.count("[") == label.count("[") and plain.count(p) == 1
        for p, label in zip(plain, labels, strict=True)
    ]
    names = [p if good else f"#{k}" for k, (p, good) in enumerate(zip(plain, clear, strict=True))]
    return names, {n: x for n, x, good in zip(names, labels, clear, strict=True) if not good}


def write_png(path: Path, sheet: NDArray[np.uint8], *, new: bool = False) -> Path:
    """Write a sheet; with `new`, what has the name stays, and the sheet gets a number. Return its path.

    Raises OutputError.
    """
    data = cv2.imencode(".png", sheet)[1].tobytes()
    if new:
        return write_new_bytes(path, data)
    write_bytes(str(path), data)
    return path


def _rows(section: SheetSection, side: int, columns: int) -> list[NDArray[np.uint8]]:
    """Draw the title and the rows of cells."""
    line = _LINE if any(cell.caption for cell in section.cells) else 4
    drawn = [_cell(cell, side, line) for cell in section.cells]
    rows: list[list[NDArray[np.uint8]]] = [[]]
    room = columns * (side + 2) + _MARGIN * (columns + 1)
    for image in drawn:
        if rows[-1] and sum(c.shape[1] for c in rows[-1]) + image.shape[1] > room:
            rows.append([])
        rows[-1].append(image)
    text = drawable(printable(section.title))
    width = max(320, text_width(text, 0.5) + 2 * _MARGIN) if text else 320
    title = _blank((_LINE if text else 0) + _MARGIN + 4, width)
    put_text(title, text, (_MARGIN, _LINE + 4), 0.5, _INK)
    return [title, *(np.hstack([_blank(row[0].shape[0], _MARGIN), *row]) for row in rows if row)]


def _cell(cell: Cell, side: int, line: int) -> NDArray[np.uint8]:
    """Draw one cell: its images, the caption below, and the margin to the right."""
    images = np.hstack([np.pad(_fit(p, side), ((0, 2), (0, 2), (0, 0))) for p in cell.images])
    images[-2:], images[:, side :: side + 2], images[:, side + 1 :: side + 2] = 255, 255, 255
    canvas = _blank(side + 2 + line, images.shape[1] + _MARGIN)
    canvas[: side + 2, : images.shape[1]] = images
    text = drawable(printable(cell.caption))
    while text and text_width(text, 0.36) > images.shape[1]:
        text = text.removesuffix("..")[:-1] + ".."
        if len(text) <= 3:
            break
    put_text(canvas, text, (0, side + 12), 0.36, _PALE)
    return canvas


def _fit(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Fit an image into a gray square; small ones keep their square pixels."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    small = cv2.resize(image, size, interpolation=method)
    if small.ndim == 2:
        small = cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
    square = np.full((side, side, 3), 225, np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    return square


def _blank(height: int, width: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), _PAPER, np.uint8)
