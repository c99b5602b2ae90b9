"""Noise of sensor and transmission. The constants are those of CIFAR-10-C; see the package's docstring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn.evaluation.corruption.pixels import to_pixels, to_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

GAUSSIAN_SD = (0.04, 0.06, 0.08, 0.09, 0.10)
SHOT_PHOTONS = (500, 250, 100, 75, 50)
IMPULSE_SHARE = (0.01, 0.02, 0.03, 0.05, 0.07)


def gaussian_noise(image: NDArray[np.uint8], strength: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add independent normal noise to every value; the standard deviation is a share of full scale."""
    noise = rng.standard_normal(image.shape, np.float32)
    noise *= GAUSSIAN_SD[strength - 1]
    noise += to_unit(image)
    return to_pixels(noise)


def shot_noise(image: NDArray[np.uint8], strength: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Count photons: a Poisson variable of mean x·c, divided by c, for every value x from 0 to 1."""
    photons = SHOT_PHOTONS[strength - 1]
    return to_pixels((rng.poisson(to_unit(image) * photons) / photons).astype(np.float32))


def impulse_noise(image: NDArray[np.uint8], strength: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Set a share of all values to black or white, with equal probability (salt and pepper)."""
    half = IMPULSE_SHARE[strength - 1] / 2
    drawn = rng.random(image.shape, np.float32)
    changed = np.where(drawn < half, np.uint8(0), image)
    return np.where(drawn > 1 - half, np.uint8(255), changed)
