"""Artifacts of image processing. The constants are those of CIFAR-10-C; see the package's docstring."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.evaluation.corruption.pixels import SIDE, grid, length_scale, to_pixels, to_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONTRAST = (0.75, 0.5, 0.4, 0.3, 0.15)
# Amplitude and sigma of the local shifts, largest shift of the corners; all as shares of the side.
ELASTIC = ((0.0, 0.0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03))
PIXELATE = (0.95, 0.9, 0.85, 0.75, 0.65)
JPEG_QUALITY = (80, 65, 58, 50, 40)


def contrast(
    image: NDArray[np.uint8],
    strength: int,
    rng: np.random.Generator,  # noqa: ARG001 - nothing is random here
) -> NDArray[np.uint8]:
    """Draw every value towards its channel's mean."""
    values = to_unit(image)
    means = values.mean(axis=(0, 1), keepdims=True)
    return to_pixels((values - means) * np.float32(CONTRAST[strength - 1]) + means)


def elastic_transform(image: NDArray[np.uint8], strength: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Move three corners of a square, then shift every pixel by smooth noise (Simard et al. 2003).

    Low strengths are mostly affine, high ones mostly local. The noise is
    drawn for 32 pixels and enlarged with the image.
    """
    amplitude, sigma, corner = ELASTIC[strength - 1]
    height, width = image.shape[:2]
    side = min(height, width)
    middle = np.array([width // 2, height // 2], np.float32)
    third = side // 3
    square = middle + np.array([[third, third], [third, -third], [-third, -third]], np.float32)
    pulled = square + rng.uniform(-corner * side, corner * side, square.shape).astype(np.float32)
    matrix = cv2.getAffineTransform(square, pulled)
    moved = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    if not amplitude:
        return moved  # type: ignore[return-value]
    scale = length_scale(image)
    small = (max(1, round(height / scale)), max(1, round(width / scale)))
    noise = rng.uniform(-1, 1, (*small, 2)).astype(np.float32)
    base = min(side, SIDE)
    window = 2 * int(3 * sigma * base + 0.5) + 1
    shifts = cv2.GaussianBlur(noise, (window, window), sigma * base, borderType=cv2.BORDER_REFLECT)
    shifts = cv2.resize(shifts * np.float32(amplitude * base * scale), (width, height))
    x, y = cv2.split(grid(height, width) + shifts)
    return np.asarray(cv2.remap(moved, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.uint8)


def pixelate(
    image: NDArray[np.uint8],
    strength: int,
    rng: np.random.Generator,  # noqa: ARG001 - nothing is random here
) -> NDArray[np.uint8]:
    """Average blocks of pixels and draw them as blocks: Pillow's box filter, down and up.

    A pixel belongs to the block that contains its center, so from 32 to 30 pixels most blocks are single
    pixels.
    """
    height, width = image.shape[:2]
    share = PIXELATE[strength - 1] / length_scale(image)
    rows, columns = _blocks(height, max(1, int(height * share))), _blocks(width, max(1, int(width * share)))
    averaged = rows @ image.reshape(height, -1).astype(np.float32)
    averaged = columns @ averaged.reshape(height, width, -1)
    return np.rint(averaged).astype(np.uint8).reshape(image.shape)


@lru_cache(maxsize=32)
def _blocks(many: int, few: int) -> NDArray[np.float32]:
    """Return the many×many matrix that averages each of `few` blocks and gives the average to its pixels."""
    middles = np.arange(many) + 0.5
    centres = (np.arange(few) + 0.5) * many / few
    offset = (middles[None, :] - centres[:, None]) * few / many
    inside = ((offset > -0.5) & (offset <= 0.5)).astype(np.float32)
    shown = (middles * few / many).astype(int)
    return np.asarray((inside / inside.sum(axis=1, keepdims=True))[shown], np.float32)


def jpeg_compression(
    image: NDArray[np.uint8],
    strength: int,
    rng: np.random.Generator,  # noqa: ARG001 - nothing is random here
) -> NDArray[np.uint8]:
    """Encode as JPEG of low quality, with OpenCV's encoder instead of Pillow's; both halve the chroma."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY[strength - 1]]
    data = cv2.imencode(".jpg", image, quality)[1]
    kind = cv2.IMREAD_GRAYSCALE if image.ndim == 2 else cv2.IMREAD_COLOR
    return cv2.imdecode(data, kind)  # type: ignore[return-value]
