"""RandAugment (Cubuk et al. 2020): some changes, drawn anew for each picture, all of one magnitude.

Keras' layer of that name draws the same changes for a whole batch and computes all fourteen of them each
time, which takes longer than a training step of a small network; this one draws for each picture.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Change = Callable[[Picture, float], Picture]

# How many changes a picture gets, as in the paper.
COUNT = 2


def randaugment(images: NDArray[np.uint8], magnitude: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return changed copies of a batch, uint8 N×H×W×C; `magnitude` is 0 to 10."""
    names = list(CHANGES)
    changed = images.copy()
    drawn = rng.integers(len(names), size=(len(images), COUNT))
    signs = rng.choice([-1.0, 1.0], size=(len(images), COUNT))
    for i, (chosen, sign) in enumerate(zip(drawn, signs, strict=True)):
        picture = changed[i]
        for k, s in zip(chosen, sign, strict=True):
            picture = CHANGES[names[k]](picture, s * magnitude / 10).reshape(picture.shape)
        changed[i] = picture
    return changed


def _table(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


_LEVELS = np.arange(256.0)


def _autocontrast(picture: Picture, amount: float) -> Picture:  # noqa: ARG001 - it has no magnitude
    low, high = int(picture.min()), int(picture.max())
    return picture if high <= low else _table((_LEVELS - low) * 255 / (high - low))[picture]


def _equalize(picture: Picture, amount: float) -> Picture:  # noqa: ARG001 - it has no magnitude
    flat = picture.reshape(*picture.shape[:2], -1)
    return np.dstack([cv2.equalizeHist(np.ascontiguousarray(flat[..., c])) for c in range(flat.shape[2])])


def _blend(other: NDArray[np.float64] | float, picture: Picture, amount: float) -> Picture:
    factor = 1 + 0.9 * amount
    return _table(other + factor * (picture.astype(np.float64) - other))


def _color(picture: Picture, amount: float) -> Picture:
    return _blend(picture.mean(axis=2, keepdims=True), picture, amount)


def _contrast(picture: Picture, amount: float) -> Picture:
    return _blend(float(picture.mean()), picture, amount)


def _brightness(picture: Picture, amount: float) -> Picture:
    return _table(_LEVELS * (1 + 0.9 * amount))[picture]


def _sharpness(picture: Picture, amount: float) -> Picture:
    smooth = cv2.filter2D(picture, cv2.CV_64F, np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13)
    return _blend(np.asarray(smooth, np.float64).reshape(picture.shape), picture, amount)


def _posterize(picture: Picture, amount: float) -> Picture:
    kept = np.uint8(256 - (1 << round(4 * abs(amount))))
    return np.bitwise_and(picture, kept, dtype=np.uint8)


def _solarize(picture: Picture, amount: float) -> Picture:
    limit = 256 * (1 - abs(amount))
    return _table(np.where(limit > _LEVELS, _LEVELS, 255 - _LEVELS))[picture]


def _identity(picture: Picture, amount: float) -> Picture:  # noqa: ARG001
    return picture


def _affine(picture: Picture, xx: float, xy: float, yx: float, yy: float) -> Picture:
    """Shear or turn about the middle; what comes in from outside is grey."""
    height, width = picture.shape[:2]
    x, y = (width - 1) / 2, (height - 1) / 2
    return _move(picture, [[xx, xy, x - xx * x - xy * y], [yx, yy, y - yx * x - yy * y]])


def _move(picture: Picture, matrix: list[list[float]]) -> Picture:
    height, width = picture.shape[:2]
    return cv2.warpAffine(  # type: ignore[return-value]
        picture, np.array(matrix), (width, height), borderValue=(128, 128, 128)
    )


def _rotate(picture: Picture, amount: float) -> Picture:
    cosine, sine = math.cos(math.radians(30 * amount)), math.sin(math.radians(30 * amount))
    return _affine(picture, cosine, sine, -sine, cosine)


# The fourteen changes of the paper, each with an amount of -1 to 1; ranges are those of its code.
CHANGES: dict[str, Change] = {
    "identity": _identity,
    "autocontrast": _autocontrast,
    "equalize": _equalize,
    "rotate": _rotate,
    "solarize": _solarize,
    "color": _color,
    "posterize": _posterize,
    "contrast": _contrast,
    "brightness": _brightness,
    "sharpness": _sharpness,
    "shear_x": lambda p, a: _affine(p, 1, 0.3 * a, 0, 1),
    "shear_y": lambda p, a: _affine(p, 1, 0, 0.3 * a, 1),
    "translate_x": lambda p, a: _move(p, [[1, 0, a * p.shape[1] / 3], [0, 1, 0]]),
    "translate_y": lambda p, a: _move(p, [[1, 0, 0], [0, 1, a * p.shape[0] / 3]]),
}
