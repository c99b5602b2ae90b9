"""Draws cluttered backgrounds, so that no photos have to be shipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.evaluation.corruption.pixels import per_pixel

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPES = 14


def draw_clutter(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a background of that shape, H×W or H×W×3.

    A gradient of random colors; over it polygons, ellipses and bars, each of one color, and the grain of a
    rough surface.
    """
    height, width = shape[:2]
    side, channels = max(height, width), shape[2:]
    image = cv2.resize(_colors((3, 3), channels, rng), (width, height), interpolation=cv2.INTER_LINEAR)
    colors = _colors((SHAPES,), (3,), rng).tolist()
    centres = rng.uniform(0, (width, height), (SHAPES, 2))
    sizes = rng.uniform(side / 12, side / 3.5, (SHAPES, 2))
    angles = rng.uniform(0, 360, SHAPES)
    outlines = rng.uniform(-1, 1, (SHAPES, 4, 2))
    for k in range(SHAPES):
        if k % 3 == 0:
            points = centres[k] + outlines[k] * sizes[k]
        elif k % 3 == 1:
            bar = (sizes[k] * (2, 0.25)).tolist()
            points = cv2.boxPoints((centres[k].tolist(), bar, float(angles[k])))
        else:
            cv2.ellipse(image, (centres[k].tolist(), sizes[k].tolist(), float(angles[k])), colors[k], -1)
            continue
        cv2.fillPoly(image, [np.rint(points).astype(np.int32)], colors[k])
    grain = rng.normal(0, rng.uniform(2, 12), (height, width)).astype(np.float32)
    rough = image + per_pixel(grain, shape)
    return np.asarray(np.clip(np.rint(rough), 0, 255), np.uint8)


def _colors(shape: tuple[int, ...], channels: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return random colors of every brightness, at half of the full saturation."""
    level = rng.integers(0, 256, (*shape, *(1 for _ in channels)))
    return ((level + rng.integers(0, 256, (*shape, *channels))) // 2).astype(np.uint8)
