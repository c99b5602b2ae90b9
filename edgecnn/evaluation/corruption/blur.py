"""Blur of lens, glass and movement. The constants are those of CIFAR-10-C; see the package's docstring."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.evaluation.corruption.pixels import length_scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Radius of the disk, sigma of the Gaussian that smooths its edge.
DEFOCUS = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))
# Sigma before and after, largest shift, number of passes.
GLASS = ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2))
# Radius and sigma of the streak.
MOTION = ((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5))
# The largest zoom, in hundredths: numpy's arange includes its end for some of the published limits.
ZOOM = (6, 11, 15, 20, 25)


def defocus_blur(
    image: NDArray[np.uint8],
    strength: int,
    rng: np.random.Generator,  # noqa: ARG001 - nothing is random here
) -> NDArray[np.uint8]:
    """Blur with a disk, as a lens out of focus does."""
    radius, edge = DEFOCUS[strength - 1]
    kernel = _disk(radius, edge, length_scale(image))
    return cv2.filter2D(image, -1, kernel)  # type: ignore[return-value]


@lru_cache(maxsize=32)
def _disk(radius: float, edge: float, scale: float) -> NDArray[np.float32]:
    margin = math.ceil(scale)
    reach = math.floor(radius * scale) + margin
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = (x * x + y * y <= (radius * scale) ** 2).astype(np.float32)
    size = (2 * margin + 1, 2 * margin + 1)
    smooth = cv2.GaussianBlur(disk, size, edge * scale, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(smooth / smooth.sum(), np.float32)


def glass_blur(image: NDArray[np.uint8], strength: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Blur slightly, let every pixel take the value of one near it, and blur again.

    The published loop is written as a swap of neighbours, but its numpy views make it a copy: each pixel
    takes the value that lies −d to d−1 pixels away, in both directions. This is that copy, all pixels in
    one step; pixels at the margin, which the loop leaves out, take part.
    """
    sigma, shift, times = GLASS[strength - 1]
    scale = length_scale(image)
    far = max(1, round(shift * scale))
    height, width = image.shape[:2]
    rows, columns = np.ogrid[:height, :width]
    shuffled = cv2.GaussianBlur(image, (0, 0), sigma * scale)
    for _ in range(times):
        dy, dx = rng.integers(-far, far, (2, height, width), np.int32)
        places = np.clip(rows + dy, 0, height - 1) * width + np.clip(columns + dx, 0, width - 1)
        shuffled = shuffled.reshape(height * width, -1)[places].reshape(image.shape)
    return cv2.GaussianBlur(shuffled, (0, 0), sigma * scale)  # type: ignore[return-value]


def motion_blur(image: NDArray[np.uint8], strength: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Smear the image in one direction, −45° to 45°, as a camera that moves does."""
    radius, sigma = MOTION[strength - 1]
    scale = length_scale(image)
    return smear(image, radius * scale, sigma * scale, rng.uniform(-45, 45))  # type: ignore[return-value]


def smear(
    image: NDArray[np.uint8] | NDArray[np.float32], radius: float, sigma: float, degrees: float
) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Blur along a line to one side, with ImageMagick's kernel: the falling half of a Gaussian.

    It has 2·radius+1 samples a pixel apart, each at the nearest whole pixel; those beyond 4 sigma, which
    weigh less than a thousandth, are left out.
    """
    count = min(2 * math.ceil(radius) + 1, math.ceil(4 * sigma) + 1)
    steps = np.arange(count)
    weights = np.exp(-(steps**2) / (2 * sigma * sigma))
    x = np.ceil(steps * math.cos(math.radians(degrees)) - 0.5).astype(int)
    y = np.ceil(steps * math.sin(math.radians(degrees)) - 0.5).astype(int)
    left, top = int(x.min()), int(y.min())
    kernel = np.zeros((int(y.max()) - top + 1, int(x.max()) - left + 1), np.float32)
    np.add.at(kernel, (y - top, x - left), weights / weights.sum())
    return cv2.filter2D(  # type: ignore[return-value]
        image, -1, kernel, anchor=(-left, -top), borderType=cv2.BORDER_REPLICATE
    )


def zoom_blur(
    image: NDArray[np.uint8],
    strength: int,
    rng: np.random.Generator,  # noqa: ARG001 - nothing is random here
) -> NDArray[np.uint8]:
    """Average the image with itself at every zoom from 1.00 up in steps of 0.01."""
    height, width = image.shape[:2]
    x, y = (width - 1) / 2, (height - 1) / 2
    total = image.astype(np.float32)
    total += image
    zooms = ZOOM[strength - 1]
    for hundredths in range(1, zooms + 1):
        zoom = 1 + hundredths / 100
        matrix = np.array([[zoom, 0, x - zoom * x], [0, zoom, y - zoom * y]])
        cv2.accumulate(cv2.warpAffine(image, matrix, (width, height)), total)
    total *= 1 / (zooms + 2)
    total += 0.5
    return total.astype(np.uint8)
