"""Generated scenes, to set int8 ranges where no photos are at hand.

Dead leaves: shapes of all sizes, each in front of those before it, have the statistics of natural images
(A. Lee, D. Mumford and J. Huang, IJCV 41, 2001); M. Baradad et al., NeurIPS 2021, train networks on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_SHAPES = 400
# The radii of shapes: the smallest in pixels, the largest as a share of the side. Their density falls with
# the cube of the radius, as in natural images.
_SMALLEST, _LARGEST = 3.0, 0.5


def make_scenes(count: int, side: int, seed: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Yield square scenes, uint8 side×side×3; the same ones for the same seed."""
    for k in range(count):
        yield _scene(side, np.random.default_rng([seed, k]))


def _scene(side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    main = rng.integers(0, 256, 3).astype(np.float64)
    canvas = np.full((side, side, 3), main, np.uint8)
    radii = 1 / np.sqrt(rng.uniform(1 / (_LARGEST * side) ** 2, 1 / _SMALLEST**2, _SHAPES))
    for radius in radii:
        center = rng.uniform(-0.1, 1.1, 2) * side
        near = main if rng.random() < 0.5 else rng.integers(0, 256, 3)
        color = rng.normal(near, 40).clip(0, 255).tolist()
        if rng.random() < 0.5:
            cv2.circle(canvas, center.astype(int).tolist(), int(radius), color, cv2.FILLED, cv2.LINE_AA)
        else:
            angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 7)))
            corners = center + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
            cv2.fillPoly(canvas, [corners.astype(np.int32)], color, cv2.LINE_AA)
    return _photographed(canvas, rng)


def _photographed(canvas: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add texture, light from one side, noise and the blur of a lens."""
    side = canvas.shape[0]
    scene = canvas.astype(np.float32)
    texture = rng.normal(0, 1, (side // 4, side // 4)).astype(np.float32)
    scene += cv2.resize(texture, (side, side))[..., None] * rng.uniform(0, 25)
    slope = np.linspace(-1, 1, side, dtype=np.float32)
    light = slope[:, None] * rng.uniform(-50, 50) + slope * rng.uniform(-50, 50)
    scene = scene * np.float32(rng.uniform(0.5, 1.4)) + light[..., None].astype(np.float32)
    scene += rng.normal(0, rng.uniform(0, 8), scene.shape).astype(np.float32)
    blurred = cv2.GaussianBlur(scene.clip(0, 255), (0, 0), rng.uniform(0.3, 1.5))
    return np.asarray(blurred, np.uint8)
