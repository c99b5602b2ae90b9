"""Complex scenes: the subject small, off center, in front of clutter, or next to another object.

They are composed from whole images, before these are shrunk to the model's size. The constants are this
project's own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.evaluation.corruption.clutter import draw_clutter

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Sides of the subject as shares of the frame's: strength 3 is half, strength 5 a quarter.
SMALL_SUBJECT = (0.75, 0.625, 0.5, 0.375, 0.25)
# How far the subject's middle lies from the frame's, as a share of the side; the frame cuts off the rest.
OFF_CENTRE = (0.08, 0.14, 0.2, 0.26, 0.32)
# The weight of the clutter relative to the image's own surroundings. The subject has the size of
# SMALL_SUBJECT's strength 1, so the difference between the two is the cost of clutter.
CLUTTER = (0.2, 0.4, 0.6, 0.8, 1.0)
# The subject's share of the width; the other object has the rest. The subject stays the larger.
SECOND_OBJECT = (0.8, 0.75, 0.7, 0.65, 0.6)
# A border closer to its median than this, in levels and in the mean, is a plain background and can be cut.
PLAIN = 6
# Levels between a plain background and the certain subject.
SOLID = 24


def small_subject(
    image: NDArray[np.uint8],
    strength: int,
    rng: np.random.Generator,  # noqa: ARG001 - nothing is random here
    other: NDArray[np.uint8],  # noqa: ARG001 - the signature of all scenes
) -> NDArray[np.uint8]:
    """Show the subject small, in the middle of its extended background."""
    subject = _shrink(image, SMALL_SUBJECT[strength - 1])
    left, top = (image.shape[1] - subject.shape[1]) // 2, (image.shape[0] - subject.shape[0]) // 2
    return _surround(subject, left, top, image.shape)


def off_centre(
    image: NDArray[np.uint8],
    strength: int,
    rng: np.random.Generator,
    other: NDArray[np.uint8],  # noqa: ARG001 - the signature of all scenes
) -> NDArray[np.uint8]:
    """Move the subject in any direction; the frame cuts it, and its background is extended."""
    angle, far = rng.uniform(0, 2 * math.pi), OFF_CENTRE[strength - 1]
    left = round(far * image.shape[1] * math.cos(angle))
    top = round(far * image.shape[0] * math.sin(angle))
    return _surround(image, left, top, image.shape)


def clutter(
    image: NDArray[np.uint8],
    strength: int,
    rng: np.random.Generator,
    other: NDArray[np.uint8],  # noqa: ARG001 - the signature of all scenes
) -> NDArray[np.uint8]:
    """Show the subject at three quarters of its size in front of a drawn background."""
    subject = _shrink(image, SMALL_SUBJECT[0])
    left = (image.shape[1] - subject.shape[1]) // 2
    top = (image.shape[0] - subject.shape[0]) // 2
    calm = _surround(subject, left, top, image.shape)
    share = CLUTTER[strength - 1]
    scene = cv2.addWeighted(draw_clutter(image.shape, rng), share, calm, 1 - share, 0)
    return _paste(np.asarray(scene, np.uint8), subject, left, top)


def second_object(
    image: NDArray[np.uint8], strength: int, rng: np.random.Generator, other: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Show the subject next to a smaller object of another class, on either side."""
    height, width = image.shape[:2]
    share = SECOND_OBJECT[strength - 1]
    subject = _shrink(image, share)
    h, w = subject.shape[:2]
    size = (max(1, width - w), max(1, round(height * (1 - share))))
    second = cv2.resize(_like(other, image), size, interpolation=cv2.INTER_AREA)
    first = bool(rng.integers(2))
    top, second_top = rng.integers(height - h + 1), rng.integers(height - second.shape[0] + 1)
    scene = _surround(subject, 0 if first else width - w, int(top), image.shape)
    return _paste(scene, np.asarray(second, np.uint8), w if first else 0, int(second_top))


def _shrink(image: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _like(other: NDArray[np.uint8], image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image with as many channels as another."""
    if other.ndim == image.ndim:
        return other
    conversion = cv2.COLOR_GRAY2BGR if image.ndim == 3 else cv2.COLOR_BGR2GRAY
    return cv2.cvtColor(other, conversion)  # type: ignore[return-value]


def _surround(subject: NDArray[np.uint8], left: int, top: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a frame of that shape with the subject at a place, and its background extended around it.

    A plain background is continued; otherwise the border's pixels are repeated outward and blurred.
    """
    height, width = shape[:2]
    h, w = subject.shape[:2]
    rows, columns = slice(max(0, top), min(height, top + h)), slice(max(0, left), min(width, left + w))
    seen = subject[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    plain = _plain_background(subject)
    if plain is not None:
        scene = np.empty(shape, np.uint8)
        scene[:] = np.rint(plain)
    else:
        around = (rows.start, height - rows.stop, columns.start, width - columns.stop)
        window = max(3, max(height, width) // 8)
        padded = cv2.copyMakeBorder(seen, *around, cv2.BORDER_REPLICATE)
        scene = np.asarray(cv2.blur(padded, (window, window), borderType=cv2.BORDER_REPLICATE), np.uint8)
    scene[rows, columns] = seen
    return scene


def _paste(scene: NDArray[np.uint8], subject: NDArray[np.uint8], left: int, top: int) -> NDArray[np.uint8]:
    """Lay the subject over the scene, without its background where that is plain. Overwrites the scene."""
    h, w = subject.shape[:2]
    part = scene[top : top + h, left : left + w]
    matte = _matte(subject)
    if subject.ndim == 3:
        matte = matte[..., None]
    part[:] = np.rint(part + (subject.astype(np.float32) - part) * matte).astype(np.uint8)
    return scene


def _matte(subject: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the subject's mask, 0 to 1, H×W.

    In front of a plain background it is what differs from it; else the whole rectangle, with a soft edge.
    """
    plain = _plain_background(subject)
    if plain is not None:
        difference = np.abs(subject.astype(np.float32) - plain)
        if subject.ndim == 3:
            difference = difference.max(axis=2)
        return np.asarray(np.minimum(difference / SOLID, 1), np.float32)
    height, width = subject.shape[:2]
    soft = max(1.0, min(height, width) / 16)
    rows = np.minimum(np.arange(1, height + 1), np.arange(height, 0, -1)) / soft
    columns = np.minimum(np.arange(1, width + 1), np.arange(width, 0, -1)) / soft
    return np.asarray(np.minimum(np.minimum(rows[:, None], columns[None, :]), 1), np.float32)


def _plain_background(image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Return the color of a plain border, else None."""
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]).astype(np.float32)
    color = np.median(border, axis=0)
    return np.asarray(color, np.float32) if np.abs(border - color).mean() < PLAIN else None
