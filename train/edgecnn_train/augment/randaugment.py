"""RandAugment (Cubuk et al. 2020): some changes, drawn for each image, all of one magnitude.

Keras' layer of that name draws the same changes for a whole batch and computes all fourteen of them each
time, which takes longer than a training step of a small network; this one draws separately for each image.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Image = NDArray[np.uint8]
    Change = Callable[[Image, float], Image]

# How many changes an image gets, as in the paper.
COUNT = 2


def randaugment(images: NDArray[np.uint8], magnitude: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return changed copies of a batch, uint8 N×H×W×C; `magnitude` is 0 to 10."""
    names = list(CHANGES)
    changed = images.copy()
    drawn = rng.integers(len(names), size=(len(images), COUNT))
    signs = rng.choice([-1.0, 1.0], size=(len(images), COUNT))
    for i, (chosen, sign) in enumerate(zip(drawn, signs, strict=True)):
        image = changed[i]
        for k, s in zip(chosen, sign, strict=True):
            image = CHANGES[names[k]](image, s * magnitude / 10).reshape(image.shape)
        changed[i] = image
    return changed


def _table(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


_LEVELS = np.arange(256.0)


def _autocontrast(image: Image, amount: float) -> Image:  # noqa: ARG001 - has no magnitude
    low, high = int(image.min()), int(image.max())
    return image if high <= low else _table((_LEVELS - low) * 255 / (high - low))[image]


def _equalize(image: Image, amount: float) -> Image:  # noqa: ARG001 - has no magnitude
    flat = image.reshape(*image.shape[:2], -1)
    return np.dstack([cv2.equalizeHist(np.ascontiguousarray(flat[..., c])) for c in range(flat.shape[2])])


def _blend(other: NDArray[np.float64] | float, image: Image, amount: float) -> Image:
    factor = 1 + 0.9 * amount
    return _table(other + factor * (image.astype(np.float64) - other))


def _color(image: Image, amount: float) -> Image:
    return _blend(image.mean(axis=2, keepdims=True), image, amount)


def _contrast(image: Image, amount: float) -> Image:
    return _blend(float(image.mean()), image, amount)


def _brightness(image: Image, amount: float) -> Image:
    return _table(_LEVELS * (1 + 0.9 * amount))[image]


def _sharpness(image: Image, amount: float) -> Image:
    smooth = cv2.filter2D(image, cv2.CV_64F, np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13)
    return _blend(np.asarray(smooth, np.float64).reshape(image.shape), image, amount)


def _posterize(image: Image, amount: float) -> Image:
    kept = np.uint8(256 - (1 << round(4 * abs(amount))))
    return np.bitwise_and(image, kept, dtype=np.uint8)


def _solarize(image: Image, amount: float) -> Image:
    limit = 256 * (1 - abs(amount))
    return _table(np.where(limit > _LEVELS, _LEVELS, 255 - _LEVELS))[image]


def _identity(image: Image, amount: float) -> Image:  # noqa: ARG001
    return image


def _affine(image: Image, xx: float, xy: float, yx: float, yy: float) -> Image:
    """Shear or turn about the middle; pixels from outside are gray."""
    height, width = image.shape[:2]
    x, y = (width - 1) / 2, (height - 1) / 2
    return _move(image, [[xx, xy, x - xx * x - xy * y], [yx, yy, y - yx * x - yy * y]])


def _move(image: Image, matrix: list[list[float]]) -> Image:
    height, width = image.shape[:2]
    return cv2.warpAffine(  # type: ignore[return-value]
        image, np.array(matrix), (width, height), borderValue=(128, 128, 128)
    )


def _rotate(image: Image, amount: float) -> Image:
    cosine, sine = math.cos(math.radians(30 * amount)), math.sin(math.radians(30 * amount))
    return _affine(image, cosine, sine, -sine, cosine)


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
