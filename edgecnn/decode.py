"""The model's raw output becomes labels with probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.frame import Prediction
from edgecnn.quant import dequantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.tflite_file import Tensor


class Decoder:
    """Turns an output tensor into predictions, best first; equal scores keep the order of the labels.

    Scores are the model's own, dequantized and never renormalized. Where the graph ends in logits instead of
    probabilities, softmax is applied.
    """

    def __init__(self, labels: tuple[str, ...], tensor: Tensor, *, logits: bool) -> None:
        self._labels = labels
        self._tensor = tensor
        self._logits = logits

    def __call__(self, raw: NDArray[Any], top: int | None = None) -> list[Prediction]:
        """Return the `top` best classes (all of them for None).

        Parameters
        ----------
        raw
            The output tensor as the engine returns it, any shape with one value a class.
        """
        values = raw.reshape(-1)
        scores = softmax(self._real(values)) if self._logits else values
        # Reversed twice, so that a stable sort puts equal scores in the order of the labels.
        order = (values.size - 1 - np.argsort(values[::-1], kind="stable"))[::-1][:top]
        chosen = scores[order] if self._logits else self._real(scores[order])
        return [
            Prediction(self._labels[i], i, score)
            for i, score in zip(order.tolist(), chosen.tolist(), strict=True)
        ]

    def _real(self, values: NDArray[Any]) -> NDArray[np.float32]:
        if self._tensor.dtype == "float32":
            return values
        return dequantize(values, self._tensor.scale, self._tensor.zero_point)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return probabilities for real logits of shape (classes,), safe against overflow."""
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum(), np.float32)
