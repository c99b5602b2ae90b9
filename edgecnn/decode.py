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
        # What each quantized value stands for: a look-up takes a tenth of the time of the arithmetic.
        self._scores: dict[int, float] = {}
        if tensor.dtype != "float32":
            limits = np.iinfo(tensor.dtype)
            steps = np.arange(limits.min, limits.max + 1, dtype=tensor.dtype)
            real = dequantize(steps, tensor.scale, tensor.zero_point)
            self._scores = dict(zip(steps.tolist(), real.tolist(), strict=True))

    def __call__(self, raw: NDArray[Any], top: int | None = None) -> list[Prediction]:
        """Return the `top` best classes (all of them for None).

        Parameters
        ----------
        raw
            The output tensor as the engine returns it, any shape with one value a class.
        """
        values = raw.reshape(-1)
        if self._logits:
            values = softmax(self._real(values))
        # A stable sort of the complement: best first, equal scores in the order of the labels.
        falling = -values if values.dtype == np.float32 else ~values
        best = falling.argsort(kind="stable")[:top].tolist()
        scores, labels, table = values.tolist(), self._labels, self._scores
        if values.dtype == np.float32:
            return [Prediction(labels[i], i, scores[i]) for i in best]
        return [Prediction(labels[i], i, table[scores[i]]) for i in best]

    def _real(self, values: NDArray[Any]) -> NDArray[np.float32]:
        if self._tensor.dtype == "float32":
            return values
        return dequantize(values, self._tensor.scale, self._tensor.zero_point)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return probabilities for real logits of shape (classes,), safe against overflow."""
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum(), np.float32)
