"""Shared by the corruptions: conversion of pixels to 0..1 and back, and scaling of lengths."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The image side for which the published constants were chosen.
SIDE = 32


def to_unit(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the image as float32 from 0 to 1."""
    return image.astype(np.float32) * np.float32(1 / 255)


def to_pixels(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Return values from 0 to 1 as uint8, clipped and rounded. Overwrites `values`."""
    np.clip(values, 0, 1, out=values)
    values *= 255
    values += 0.5
    return values.astype(np.uint8)


def length_scale(image: NDArray[np.uint8]) -> float:
    """Return the factor of published lengths: side/32, and 1 for smaller images."""
    return max(1.0, float(min(image.shape[:2])) / SIDE)


def per_pixel(layer: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return an H×W layer so that it broadcasts over the channels of an image of that shape."""
    return layer if len(shape) == 2 else layer[..., None]


@lru_cache(maxsize=8)
def grid(height: int, width: int) -> NDArray[np.float32]:
    """Return each pixel's coordinates, float32 H×W×2, x before y. Shared: do not write to it."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.dstack([x, y])
