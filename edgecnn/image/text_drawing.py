"""Draws texts in any script on images.

ASCII is drawn with OpenCV's stroke font. Other characters need OpenCV 5, whose wheels include a font for
Latin, Greek, Cyrillic, Chinese, Japanese and Korean, and fonts of the system for the rest, such as emoji. A
text is drawn once and cached: from then on it takes as long as a small image.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edgecnn.image.fonts import fonts_with, likeness, tell_once

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Color = tuple[int, int, int]

_STROKES = cv2.FONT_HERSHEY_SIMPLEX
# The size in pixels of an outline font with the letter height of the stroke font.
_PIXELS = 29
_PROBE_PIXELS = 24
_NO_CHARACTER = "\U0010ffff"
_BUILT_IN = "sans"


def put_text(
    image: NDArray[np.uint8],
    text: str,
    origin: tuple[int, int],
    scale: float,
    color: Color,
    thickness: int = 1,
) -> None:
    """Draw a text on an image, uint8 H×W×3, in place, clipped at its border.

    Parameters
    ----------
    origin
        The left end of its baseline.
    scale
        Its size, as in `cv2.putText`.

    Parts separated by two spaces are drawn and cached separately: a label next to a changing number.
    """
    x, y = origin
    for part in [text] if text.isascii() else re.split(r"(?<=  )(?! )", text):
        if part.isascii():
            cv2.putText(image, part, (x, y), _STROKES, scale, color, thickness, cv2.LINE_AA)
        else:
            mask, above = _mask(part, _size(scale))
            _blend(image, mask, x, y - above, color)
        x += text_width(part, scale, thickness)


def text_width(text: str, scale: float, thickness: int = 1) -> int:
    """Return the drawn width of a text in pixels."""
    if text.isascii():
        return int(cv2.getTextSize(text, _STROKES, scale, thickness)[0][0])
    return int(_mask(text, _size(scale))[0].shape[1])


@lru_cache(1024)
def drawable(text: str) -> str:
    """Return a text as it is drawn, with replacements where no font has its characters."""
    return text if text.isascii() else likeness(text, lambda char: _font_with(char) is not None)


def _size(scale: float) -> int:
    return max(6, round(_PIXELS * scale))


def _baseline(size: int) -> int:
    """Return the distance from the top to the baseline of a first line of text."""
    return round(1.2 * size)


@lru_cache(256)
def _mask(text: str, size: int) -> tuple[NDArray[np.float32], int]:
    """Draw a text as a mask, 0 to 1, H×W×1; return it and its number of rows above the baseline."""
    shown = drawable(text)
    if shown != text:
        tell_once(text.strip(), shown.strip())
    if shown.isascii():
        scale = size / _PIXELS
        width = int(cv2.getTextSize(shown, _STROKES, scale, 1)[0][0])
        canvas = np.zeros((2 * size, width, 3), np.uint8)
        cv2.putText(canvas, shown, (0, _baseline(size)), _STROKES, scale, (255,) * 3, 1, cv2.LINE_AA)
    else:
        canvas = np.zeros((2 * size, size * (2 * len(shown) + 2), 3), np.uint8)
        x = 0
        for font, run in groupby(shown, lambda char: _font_with(char) or _BUILT_IN):
            end, _ = cv2.putText(
                canvas, "".join(run), (x, _baseline(size)), (255,) * 3, _face(font), size, 500
            )
            x = int(end[0])
        canvas = canvas[:, : max(1, x)]
    inked = np.flatnonzero(canvas.any(axis=(1, 2)))
    top, bottom = (int(inked[0]), int(inked[-1]) + 1) if inked.size else (0, 1)
    mask = canvas[top:bottom, :, :1].astype(np.float32) * np.float32(1 / 255)
    return mask, _baseline(size) - top


def _blend(image: NDArray[np.uint8], mask: NDArray[np.float32], x: int, y: int, color: Color) -> None:
    """Draw a mask with its upper left corner at a point, which may be outside."""
    height, width = image.shape[:2]
    left, top = max(0, x), max(0, y)
    right, bottom = min(width, x + mask.shape[1]), min(height, y + mask.shape[0])
    if left >= right or top >= bottom:
        return
    part = mask[top - y : bottom - y, left - x : right - x]
    place = image[top:bottom, left:right]
    np.copyto(place, place + (np.array(color, np.float32) - place) * part, casting="unsafe")


@cache
def _face(font: str) -> Any:
    """Open a font by its file or the name of a built-in one. Raises cv2.error."""
    return cv2.FontFace(font)


@lru_cache(4096)
def _font_with(char: str) -> str | None:
    """Return the font that has a character: the built-in one, a file, or None."""
    if char.isascii():
        return _BUILT_IN
    if not hasattr(cv2, "FontFace"):  # OpenCV 4
        return None
    if char.isspace() or _has(_BUILT_IN, char):
        return _BUILT_IN
    return next((font for font in fonts_with(char) if _has(font, char)), None)


def _has(font: str, char: str) -> bool:
    try:
        drawn = _probe(font, char)
    except (cv2.error, SystemError):  # not a font that OpenCV can read
        return False
    return bool(drawn.any()) and not np.array_equal(drawn, _probe(font, _NO_CHARACTER))


def _probe(font: str, char: str) -> NDArray[np.uint8]:
    canvas = np.zeros((2 * _PROBE_PIXELS, 2 * _PROBE_PIXELS, 3), np.uint8)
    face = _face(font)
    cv2.putText(canvas, char, (4, 32), (255,) * 3, face, _PROBE_PIXELS)
    return canvas
