"""Snow, frost, fog and bright light. The constants are those of CIFAR-10-C; see the package's docstring."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.evaluation.corruption.blur import smear
from edgecnn.evaluation.corruption.pixels import length_scale, per_pixel, to_pixels, to_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Mean, deviation, size, threshold of the flakes; radius and sigma of their streaks; weight of the colors.
SNOW = (
    (0.1, 0.2, 1.0, 0.6, 8, 3, 0.95),
    (0.1, 0.2, 1.0, 0.5, 10, 4, 0.9),
    (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
    (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
    (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
)
# Weight of the image, weight of the frost.
FROST = ((1.0, 0.2), (1.0, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45))
FROST_TEXTURES = 5
# The color of frost, as shares of its brightness in BGR.
_FROST_TINT = np.array([1.0, 0.94, 0.86], np.float32)
# Thickness, and how fast the detail fades from one octave to the next.
FOG = ((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75))
BRIGHTNESS = (0.05, 0.1, 0.15, 0.2, 0.3)


def snow(image: NDArray[np.uint8], strength: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Whiten the image and let streaks of snow fall over it, once as drawn and once turned around.

    The flakes are drawn small and enlarged, instead of drawn large and cut to their middle.
    """
    mean, deviation, size, threshold, radius, sigma, kept = SNOW[strength - 1]
    scale = length_scale(image)
    height, width = image.shape[:2]
    shape = (math.ceil(height / (size * scale)), math.ceil(width / (size * scale)))
    flakes = rng.normal(mean, deviation, shape).astype(np.float32)
    enlarged = cv2.resize(flakes, (width, height), interpolation=cv2.INTER_LINEAR)
    fallen = np.where(enlarged < threshold, np.float32(0), np.minimum(enlarged, 1))
    layer = np.asarray(smear(fallen, radius * scale, sigma * scale, rng.uniform(-135, -45)), np.float32)
    values = to_unit(image)
    grey = values if image.ndim == 2 else np.asarray(cv2.cvtColor(values, cv2.COLOR_BGR2GRAY))
    white = np.maximum(values, per_pixel(grey * np.float32(1.5) + np.float32(0.5), image.shape))
    return to_pixels(kept * values + (1 - kept) * white + per_pixel(layer + layer[::-1, ::-1], image.shape))


def frost(image: NDArray[np.uint8], strength: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lay a random part of one of five frost textures over the image.

    The published textures are photos; these are drawn, so that no image has to be shipped: branching
    needles of ice and cloudy patches, three times as large as the image, the same five in every run.
    """
    weight, ice = FROST[strength - 1]
    height, width = image.shape[:2]
    texture = _frost_textures(max(height, width))[rng.integers(FROST_TEXTURES)]
    top = rng.integers(texture.shape[0] - height + 1)
    left = rng.integers(texture.shape[1] - width + 1)
    layer = texture[top : top + height, left : left + width].astype(np.float32) * np.float32(ice / 255)
    tinted = layer if image.ndim == 2 else layer[..., None] * _FROST_TINT
    return to_pixels(weight * to_unit(image) + tinted)


@lru_cache(maxsize=2)
def _frost_textures(side: int) -> tuple[NDArray[np.uint8], ...]:
    return tuple(_draw_frost(3 * side, np.random.default_rng([side, i])) for i in range(FROST_TEXTURES))


def _draw_frost(side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw needles with side branches at 60°, the angle at which ice grows, over cloudy patches."""
    needles = np.zeros((side, side), np.uint8)
    for _ in range(110):
        start, angle = rng.uniform(0, side, 2), rng.uniform(0, 2 * math.pi)
        length, brightness = side * rng.uniform(0.1, 0.35), int(rng.integers(140, 256))
        _draw_needle(needles, start, angle, length, brightness)
        for along in np.arange(0.15, 1, 0.1):
            at = start + along * length * np.array([math.cos(angle), math.sin(angle)])
            for turn in (-math.pi / 3, math.pi / 3):
                _draw_needle(needles, at, angle + turn, length * 0.4 * (1 - along), brightness)
    soft = np.asarray(cv2.GaussianBlur(needles, (0, 0), max(0.5, side / 192)), np.uint8)
    clouds = np.zeros((side, side), np.float32)
    for cells in (4, 8, 16, 32):
        octave = rng.random((cells, cells), np.float32)
        clouds += cv2.resize(octave, (side, side), interpolation=cv2.INTER_CUBIC) * np.float32(2 / cells)
    clouds = (clouds - clouds.min()) / np.ptp(clouds)
    # Patches of thick ice between thin ones where the needles show.
    return to_pixels(0.15 + 0.45 * clouds + to_unit(soft) * (0.25 + 0.5 * clouds))


def _draw_needle(
    image: NDArray[np.uint8], start: NDArray[np.float64], angle: float, length: float, brightness: int
) -> None:
    end = start + length * np.array([math.cos(angle), math.sin(angle)])
    # Four bits of fraction keep short needles apart.
    first, last = ([round(v * 16) for v in point] for point in (start, end))
    cv2.line(image, first, last, (brightness,), max(1, image.shape[0] // 256), cv2.LINE_AA, 4)


def fog(image: NDArray[np.uint8], strength: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add a fractal cloud and darken the sum to the image's own largest value."""
    thickness, decay = FOG[strength - 1]
    height, width = image.shape[:2]
    cloud = plasma(max(height, width), decay, rng)[:height, :width]
    values = to_unit(image)
    largest = float(values.max())
    values += per_pixel(cloud * np.float32(thickness), image.shape)
    values *= largest / (largest + thickness)
    return to_pixels(values)


def plasma(side: int, decay: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a cloud from 0 to 1 by diamond-square on a torus (Fournier, Fussell & Carpenter 1982).

    Its side is the next power of two. As published, the noise of an octave is `decay` squared times as weak
    as that of the one before. A whole octave is one array; the noise of its squares and edges is drawn in
    one step.
    """
    cloud = np.zeros((1, 1), np.float32)
    amplitude = 1.0
    while len(cloud) < side:
        n = len(cloud)
        noise = rng.uniform(-amplitude, amplitude, (3, n, n)).astype(np.float32)
        below, right = np.roll(cloud, -1, 0), np.roll(cloud, -1, 1)
        middle = (cloud + below + right + np.roll(below, -1, 1)) / 4 + noise[0]
        top = (cloud + right + middle + np.roll(middle, 1, 0)) / 4 + noise[1]
        left = (cloud + below + middle + np.roll(middle, 1, 1)) / 4 + noise[2]
        finer = np.empty((2 * n, 2 * n), np.float32)
        finer[::2, ::2], finer[::2, 1::2], finer[1::2, ::2], finer[1::2, 1::2] = cloud, top, left, middle
        cloud = finer
        amplitude /= decay * decay
    cloud -= cloud.min()
    return cloud / max(float(cloud.max()), 1e-6)


def brightness(
    image: NDArray[np.uint8],
    strength: int,
    rng: np.random.Generator,  # noqa: ARG001 - nothing is random here
) -> NDArray[np.uint8]:
    """Raise the value of HSV, with hue and saturation unchanged.

    That multiplies all channels of a pixel by the same factor, new value over old one; black becomes grey.
    """
    added = np.float32(BRIGHTNESS[strength - 1])
    values = to_unit(image)
    if image.ndim == 2:
        return to_pixels(values + added)
    value = values.max(axis=2, keepdims=True)
    raised = np.minimum(value + added, 1)
    return to_pixels(np.where(value > 0, values * (raised / np.maximum(value, 1e-6)), raised))
