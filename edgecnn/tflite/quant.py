"""All arithmetic with scales and zero points.

A quantized value q represents the real value ``(q - zero_point) * scale`` (Jacob et al. 2018,
https://arxiv.org/abs/1712.05877, equation 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


_HALF = 0.5 + 1e-4
_LEAST_SCALE = 1e-9


def dequantize(values: NDArray[Any], scale: float, zero_point: int) -> NDArray[np.float32]:
    """Return the real values, float32. Widens before subtracting: int8 − int8 would wrap around."""
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


def quantize(values: NDArray[Any], scale: float, zero_point: int, dtype: str) -> NDArray[Any]:
    """Return the nearest integers of a type; halves round up.

    Many uint8 models have pixels exactly between two steps (scale 1/127.5, zero point 127): rounding halves
    to even would shift every second pixel, and a scale rounded to float32 may hide a half, hence the margin.
    Clips before the cast: a cast alone would wrap around.
    """
    limits = np.iinfo(dtype)
    steps = np.floor(np.asarray(values, np.float64) / scale + _HALF) + zero_point
    clipped: NDArray[Any] = np.clip(steps, limits.min, limits.max).astype(dtype)
    return clipped


def real_range(scale: float, zero_point: int, dtype: str) -> tuple[float, float]:
    """Return the smallest and the largest real value that the integer type can represent."""
    limits = np.iinfo(dtype)
    return (limits.min - zero_point) * scale, (limits.max - zero_point) * scale


def int8_affine(low: float, high: float) -> tuple[float, int]:
    """Return the scale and zero point with which int8 spans a range and 0; 0 is exact."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max((high - low) / 255, _LEAST_SCALE)
    return scale, int(np.clip(round(-128 - low / scale), -128, 127))


def pixel_table(
    value_range: tuple[float, float], dtype: str, scale: float, zero_point: int
) -> NDArray[np.uint8] | NDArray[np.int8] | NDArray[np.float32]:
    """Return the value in the input tensor of each of the 256 pixel values.

    Parameters
    ----------
    value_range
        The real values that the model was trained with for pixels 0 and 255, such as (0, 1).
    dtype
        The input tensor's: uint8, int8 or float32.
    scale, zero_point
        The input tensor's quantization; not used for float32. A scale of 0 means none: the integers are the
        real values.

    Returns
    -------
    An array of shape (256,) and the given dtype.
    """
    low, high = value_range
    real = low + np.arange(256, dtype=np.float64) * ((high - low) / 255)
    if dtype == "float32":
        return real.astype(np.float32)
    return quantize(real, scale or 1.0, zero_point, dtype)
