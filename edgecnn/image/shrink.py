"""Resizes images to a model's size: the stages of each method, and their one implementation.

Shrinking takes longer than the inference of many small models. `benchmarks/shrinking.py` measures the speed
of each method and its effect on accuracy; docs/benchmarks.md has the results.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import Resize

# `halved` depends on the pixels of a side for one pixel of the model. From ten on, 4×4 samples take less time
# than every pixel; they are at most five pixels apart, and taken from five rows or more: fetching the others
# from memory takes longer. The other side of a squeezed image may have a little more.
_ENOUGH_TO_SAMPLE, _MOST_TO_SAMPLE, _MOST_ASIDE, _ENOUGH_ROWS = 10, 20, 24, 5
# From four on OpenCV's exact average of 2×2 pixels, its fastest, also where nearly one pixel remains: cubic
# interpolation keeps that sharp, where linear would blur it and sampling would take longer.
_ENOUGH_TO_HALVE, _NEARLY_ONE = 4, 1.3
# An image that is squeezed more along one side than the other is averaged exactly, which is slow.
_MOST_SQUEEZED = 4
# This part of a side may be left out where averages of 2×2 then suffice.
_MOST_TRIMMED = 14
# The most samples of `staged` along a side for one pixel of the model.
_MOST_SAMPLES = 4


class Stage(NamedTuple):
    """One call of `cv2.resize`: the part of its input, the output size and the interpolation."""

    rows: slice
    columns: slice
    width: int
    height: int
    interpolation: int


def stages(rows: int, columns: int, width: int, height: int, method: Resize) -> list[Stage]:
    """Return the stages from an image of these rows and columns to `width`×`height`; empty for the same size.

    Parameters
    ----------
    method
        `halved` averages 2×2 pixels repeatedly, then interpolates or averages 2×2 linear samples; for
        much smaller models it averages 4×4 samples. As accurate as `area` in a tenth to a half of its time.
        `area` averages every pixel, exact and slow. `linear` reads four pixels for each output pixel,
        fast, with aliasing. `staged` takes n×n linear samples (n from 2 to 4) and averages them; bundles that
        use it keep it. Enlarging is linear.
    """
    if (columns, rows) == (width, height):
        return []
    if method == "halved":
        return _halved(rows, columns, width, height)
    if method == "area" and (columns > width or rows > height):
        return _averaged(rows, columns, width, height)
    if method == "staged":
        wide, high = width * _samples(columns / width), height * _samples(rows / height)
        if (wide, high) != (width, height):
            return [_whole(wide, high, cv2.INTER_LINEAR), _whole(width, height, cv2.INTER_AREA)]
    return [_whole(width, height, cv2.INTER_LINEAR)]


def trimmed(rows: int, columns: int, width: int, height: int, method: Resize) -> tuple[int, int]:
    """Return how many central rows and columns to keep so that `halved` does not interpolate.

    The model's size times a power of two where that leaves out at most a fourteenth of each side: 448 of 480
    for 224. Averages of 2×2 are exact and take half of the time. Otherwise all rows and columns. An image
    that was decoded at half of its size keeps the same part.
    """
    times = min(rows / height, columns / width)
    if method != "halved" or times < 1:
        return rows, columns
    even = 1 << (int(times).bit_length() - 1)
    kept = even * height, even * width
    if all(_MOST_TRIMMED * (side - part) <= side for side, part in zip((rows, columns), kept, strict=True)):
        return kept
    return rows, columns


def _halved(rows: int, columns: int, width: int, height: int) -> list[Stage]:
    least, most = sorted((rows / height, columns / width))
    sampled = least >= _ENOUGH_TO_SAMPLE and most <= 2 * least
    found = []
    while _is_to_be_halved(rows / height, columns / width, sampled=sampled):
        # Exactly half, without a last odd row or column: OpenCV is fast only then.
        rows, columns = rows // 2, columns // 2
        found.append(Stage(slice(0, 2 * rows), slice(0, 2 * columns), columns, rows, cv2.INTER_AREA))
    if sampled:
        step = max(1, int(rows / height / _ENOUGH_ROWS))
        kept = slice(step // 2, None, step)
        found.append(Stage(kept, slice(None), 4 * width, 4 * height, cv2.INTER_LINEAR))
        return [*found, *(_whole(n * width, n * height, cv2.INTER_AREA) for n in (2, 1))]
    if (columns, rows) == (width, height):
        return found
    most = max(rows / height, columns / width)
    if most > _MOST_SQUEEZED:
        return [*found, *_averaged(rows, columns, width, height)]
    if most <= _NEARLY_ONE:
        # Without halving, the image has noise and detail that cubic interpolation would sharpen.
        return [*found, _whole(width, height, cv2.INTER_CUBIC if found else cv2.INTER_LINEAR)]
    found.append(_whole(2 * width, 2 * height, cv2.INTER_LINEAR))
    return [*found, _whole(width, height, cv2.INTER_AREA)]


def _averaged(rows: int, columns: int, width: int, height: int) -> list[Stage]:
    """Average each side that shrinks; OpenCV does so only where none grows at the same time."""
    wide, high = min(columns, width), min(rows, height)
    enlarged = [] if (wide, high) == (width, height) else [_whole(width, height, cv2.INTER_LINEAR)]
    return [_whole(wide, high, cv2.INTER_AREA), *enlarged]


def _is_to_be_halved(down: float, across: float, *, sampled: bool) -> bool:
    left = min(down, across)
    if sampled:
        return left > _MOST_TO_SAMPLE or max(down, across) > _MOST_ASIDE
    return left >= _ENOUGH_TO_HALVE or 2 <= left <= 2 * _NEARLY_ONE


def _whole(width: int, height: int, interpolation: int) -> Stage:
    return Stage(slice(None), slice(None), width, height, interpolation)


def _samples(ratio: float) -> int:
    """Return the samples along a side for one pixel: at most 2.5 pixels apart, up to the limit."""
    return 1 if ratio <= 1.25 else min(_MOST_SAMPLES, max(2, math.ceil(ratio / 2.5)))


class Shrinker:
    """Shrinks images of one shape and converts their color; its buffers are reused.

    Parameters
    ----------
    shape
        The images' H×W, or H×W×channels.
    width, height
        The output size. The next image overwrites the result, which is the image itself where nothing has to
        be done.
    conversion
        OpenCV's code of the color conversion, or None. Done where it takes least: averaging gray takes a
        third of the time of color, so that conversion comes after the first stage; others come last.
    result
        The array for the shrunk image; None for a new buffer.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        width: int,
        height: int,
        method: Resize,
        conversion: int | None = None,
        result: NDArray[np.uint8] | None = None,
    ) -> None:
        self.shape = shape
        found = stages(shape[0], shape[1], width, height, method)
        channels = shape[2:]
        to_grey = conversion in (cv2.COLOR_BGR2GRAY, cv2.COLOR_BGRA2GRAY)
        convert_after = min(1, len(found)) if to_grey else len(found)
        # Each step: a stage or the code of a conversion, and the array for its result.
        self._steps: list[tuple[Stage | int, NDArray[np.uint8]]] = []
        size = shape[:2]
        for k in range(len(found) + 1):
            if k == convert_after and conversion is not None:
                channels = () if to_grey else (3,)
                self._steps.append((conversion, np.empty((*size, *channels), np.uint8)))
            if k < len(found):
                size = found[k].height, found[k].width
                self._steps.append((found[k], np.empty((*size, *channels), np.uint8)))
        if self._steps and result is not None:
            self._steps[-1] = self._steps[-1][0], result

    def __call__(self, image: Any) -> Any:
        """Return the image in the output size, uint8."""
        for step, result in self._steps:
            if isinstance(step, int):
                image = cv2.cvtColor(image, step, dst=result)
            else:
                rows, columns, width, height, interpolation = step
                image = cv2.resize(
                    image[rows, columns], (width, height), dst=result, interpolation=interpolation
                )
        return image


def shrink(image: NDArray[np.uint8], width: int, height: int, method: Resize) -> NDArray[np.uint8]:
    """Resize one image, H×W or H×W×channels; see `stages` for the methods."""
    shrunk: NDArray[np.uint8] = Shrinker(image.shape, width, height, method)(image)
    return shrunk
