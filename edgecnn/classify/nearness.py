"""Turns the output with the cosines to prototypes into the nearness of an image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from edgecnn.errors import AnswerError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.tflite.file import Tensor


class NearnessDecoder:
    """Returns the largest real value of an output, such as (1, prototypes), int8, uint8 or float32.

    Quantized values are compared as they are, and only the largest one is dequantized. Raises AnswerError for
    NaN and infinity.
    """

    def __init__(self, tensor: Tensor, name: str) -> None:
        self._float = tensor.dtype == "float32"
        self._scale, self._zero_point = tensor.scale, tensor.zero_point
        self._name = name

    def __call__(self, raw: NDArray[Any]) -> float:
        """Return the nearness, by the output as the engine returns it."""
        values = raw.reshape(-1)
        # In a third of the time of `max`; of values with a NaN it finds that one.
        highest = values.item(values.argmax())
        if not self._float:
            return float((highest - self._zero_point) * self._scale)
        if not math.isfinite(highest):
            raise AnswerError(
                f"{self._name} answered NaN or infinity as the nearness, expected -1 to 1: its weights are "
                "damaged; try its other variants, or learn it again"
            )
        return float(highest)
