"""Faults of real cameras that the standard set does not cover. The constants are this project's own."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.evaluation.corruption.pixels import to_pixels, to_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOW_RESOLUTION = (0.75, 0.5, 0.375, 0.25, 0.1875)
OCCLUSION_SHARE = (0.05, 0.1, 0.2, 0.3, 0.4)
LOW_LIGHT_STOPS = (1.0, 2.0, 3.0, 4.0, 5.0)
OVER_EXPOSURE_STOPS = (0.5, 1.0, 1.5, 2.0, 2.5)
# A small sensor: electrons at full scale, and the noise of reading them.
FULL_WELL = 2000
READ_NOISE = 4
GAMMA = 2.2


def low_resolution(
    image: NDArray[np.uint8],
    strength: int,
    rng: np.random.Generator,  # noqa: ARG001 - nothing is random here
) -> NDArray[np.uint8]:
    """Keep a share of the pixels to a side, and enlarge them smoothly, as from a poor camera."""
    height, width = image.shape[:2]
    share = LOW_RESOLUTION[strength - 1]
    few = (max(1, round(width * share)), max(1, round(height * share)))
    small = cv2.resize(image, few, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def occlusion(image: NDArray[np.uint8], strength: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Hide a share of the area behind one rectangle of one color, its sides up to 1:1.4."""
    height, width = image.shape[:2]
    share = OCCLUSION_SHARE[strength - 1]
    ratio = 2 ** rng.uniform(-0.5, 0.5)
    h = max(1, round(height * min(1.0, (share * ratio) ** 0.5)))
    w = max(1, round(width * min(1.0, (share / ratio) ** 0.5)))
    top, left = rng.integers(height - h + 1), rng.integers(width - w + 1)
    hidden = image.copy()
    hidden[top : top + h, left : left + w] = rng.integers(0, 256, image.shape[2:], np.uint8)
    return hidden


def low_light(image: NDArray[np.uint8], strength: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Take the image with a half of the light for each stop, on a sensor that counts electrons.

    Pixels become light by a gamma of 2.2. The number of electrons n has the variance n (shot noise, here
    normal) plus that of the readout; the image is not brightened afterwards.
    """
    electrons = _light()[image] * np.float32(FULL_WELL / 2 ** LOW_LIGHT_STOPS[strength - 1])
    deviation = np.sqrt(electrons + np.float32(READ_NOISE**2))
    electrons += deviation * rng.standard_normal(image.shape, np.float32)
    light = np.maximum(electrons, 0) / np.float32(FULL_WELL)
    return to_pixels(light ** np.float32(1 / GAMMA))


def over_exposure(
    image: NDArray[np.uint8],
    strength: int,
    rng: np.random.Generator,  # noqa: ARG001 - nothing is random here
) -> NDArray[np.uint8]:
    """Take the image with twice the light for each stop, clipped at white."""
    light = _light() * np.float32(2 ** OVER_EXPOSURE_STOPS[strength - 1])
    table = to_pixels(np.minimum(light, 1) ** np.float32(1 / GAMMA))
    return np.asarray(table[image], np.uint8)


@lru_cache(maxsize=1)
def _light() -> NDArray[np.float32]:
    """Return the light of each of the 256 pixel values, 0 to 1."""
    return to_unit(np.arange(256, dtype=np.uint8)) ** np.float32(GAMMA)
