"""An image and its scores as HTML, for notebooks."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

from edgecnn.io.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

# A camera's frame is larger than a notebook needs, and each one is kept in the file.
_WIDEST = 320
_QUALITY = 85
_ROW = (
    '<tr><td style="text-align:left">{label}</td><td style="text-align:left;width:12em">'
    '<div style="background:currentColor;opacity:.5;height:.8em;width:{share:.1f}%"></div></td>'
    "<td>{score:.3f}</td></tr>"
)


def image_with_scores(
    pixels: NDArray[np.uint8], title: str, scores: Iterable[tuple[str, float]], note: str = ""
) -> str:
    """Return an image with a title and a bar for each score.

    Parameters
    ----------
    pixels
        uint8, H×W×3, BGR.
    scores
        Labels and their scores, 0 to 1.
    note
        A line below.
    """
    import cv2

    height, width = pixels.shape[:2]
    if width > _WIDEST:
        size = _WIDEST, max(1, round(height * _WIDEST / width))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype("uint8", copy=False)
    encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
    source = "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")
    name = escape(printable(title))
    rows = "".join(
        _ROW.format(label=escape(printable(label)), share=100 * score, score=score) for label, score in scores
    )
    return (
        f'<figure style="margin:0"><img src="{source}" alt="{name}"><figcaption><strong>{name}</strong>'
        f"<table>{rows}</table><small>{escape(printable(note))}</small></figcaption></figure>"
    )
