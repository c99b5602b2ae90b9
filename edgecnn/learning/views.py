"""Views of a photo: what else it could have looked like, so that few photos teach more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Image = NDArray[np.uint8]
    View = Callable[[Image, np.random.Generator], Image]

PLAIN = "plain"
# The share of a side that a crop keeps, and by how much the light changes.
_CROP, _LIGHT = (0.75, 0.92), (0.75, 1.3)


def _mirror(image: Image, rng: np.random.Generator) -> Image:  # noqa: ARG001 - as the other views
    return cv2.flip(image, 1).astype(np.uint8, copy=False)


def _closer(image: Image, rng: np.random.Generator) -> Image:
    """Crop a part of the middle square, under other light."""
    height, width = image.shape[:2]
    side = min(height, width)
    kept = max(1, round(side * rng.uniform(*_CROP)))
    top = (height - side) // 2 + int(rng.integers(0, side - kept + 1))
    left = (width - side) // 2 + int(rng.integers(0, side - kept + 1))
    part = image[top : top + kept, left : left + kept]
    return cv2.convertScaleAbs(part, alpha=rng.uniform(*_LIGHT)).astype(np.uint8, copy=False)


VIEWS: dict[str, View] = {"mirror": _mirror, "closer": _closer}


def see(image: Image, view: str, digest: bytes) -> Image:
    """Return a view of an image, uint8 H×W×3 or H×W; the image's digest decides about chance."""
    if view == PLAIN:
        return image
    seed = np.frombuffer(digest, np.uint32)
    return VIEWS[view](image, np.random.default_rng(seed))
