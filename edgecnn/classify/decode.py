"""Turns a model's raw output into labels with scores."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.bundle.confidence import smallest
from edgecnn.errors import AnswerError
from edgecnn.frame import Prediction
from edgecnn.tflite.quant import dequantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.tflite.file import Tensor

# Fewer classes than many are decoded as lists; of many, up to a few are found one by one.
_FEW, _MANY = 5, 64
# The least that a class may weigh at the temperature: a sum of such is above zero.
_LEAST_WEIGHT = 1e-300


class Decoder:
    """Turns an output tensor into predictions, best first; equal scores keep the order of the labels.

    At a temperature of 1, scores are the model's own, dequantized and never renormalized; at any other they
    are those of `edgecnn.bundle.confidence.temper`, which leaves the order. Where the graph ends in logits
    instead of probabilities, softmax is applied. One value is the probability, or the logit, of the second of
    two classes.

    NaN and infinity are no scores: each method raises AnswerError for an output with them. A logit of minus
    infinity is a probability of zero.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        tensor: Tensor,
        *,
        logits: bool,
        temperature: float = 1.0,
        name: str = "the model",
    ) -> None:
        self._labels = labels
        self._tensor = tensor
        self._logits = logits
        self._pair = tensor.size == 1
        self._exponent = 1 / temperature
        # High enough that its power is above zero, so that scores can be normalized.
        self._floor = max(smallest(tensor), _LEAST_WEIGHT**temperature)
        self._name = name
        # What each quantized value weighs at the temperature, and counts for (itself at a temperature of 1),
        # in the order of its bits as an unsigned byte: looked up in a tenth of the time of the arithmetic.
        self._weights: NDArray[np.float64] | None = None
        self._counts: list[float] = []
        if tensor.dtype != "float32" and not logits and not self._pair:
            steps = np.arange(256, dtype=np.uint8).view(tensor.dtype)
            real = dequantize(steps, tensor.scale, tensor.zero_point)
            self._weights = self._weigh(real)
            self._counts = (real if self._exponent == 1 else self._weights).tolist()

    def __call__(self, raw: NDArray[Any], top: int | None = None) -> list[Prediction]:
        """Return the `top` best classes (all of them for None).

        Parameters
        ----------
        raw
            The output tensor as the engine returns it, any shape with one value a class.
        """
        return self._rank(self._values(raw), top)

    def with_scores(
        self, raw: NDArray[Any], top: int | None = None
    ) -> tuple[list[Prediction], NDArray[np.float64]]:
        """Return the `top` best classes, and the scores of all classes in the order of the labels.

        The scores are new, of shape (classes,); the output is decoded once for both.
        """
        values = self._values(raw)
        predictions = self._rank(values, top)
        if self._exponent != 1:
            return predictions, self._tempered(values)
        real = self._real(values) if self._counts else values
        return predictions, real.astype(np.float64)

    def _values(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Return one value a class: quantized as it is, or the model's own probability."""
        values = raw.reshape(-1)
        return self._own(values) if self._logits or self._pair else values

    def _rank(self, values: NDArray[Any], top: int | None) -> list[Prediction]:
        labels = self._labels
        if len(labels) < _MANY:
            listed = values.tolist()
            if not (self._counts or math.isfinite(sum(listed))):
                raise self._no_scores()
            return self._of_few(listed, top)
        self._check(values)
        best = largest(values, top)
        if self._exponent == 1:
            counts = self._counts
            if counts:
                return [Prediction(labels[i], i, counts[values.item(i)]) for i in best]
            return [Prediction(labels[i], i, values.item(i)) for i in best]
        weights = self._weights_of(values)
        total = np.add.reduce(weights)
        return [Prediction(labels[i], i, float(weights[i] / total)) for i in best]

    def _of_few(self, values: list[Any], top: int | None) -> list[Prediction]:
        """Decode the values of a few classes: Python's own lists are quicker than small arrays."""
        if top == 1:
            best = [values.index(max(values))]
        else:
            best = sorted(range(len(values)), key=values.__getitem__, reverse=True)[:top]
        if self._counts:
            # A negative value's place is where its bits as an unsigned byte are: counted from the end.
            counted = [self._counts[v] for v in values]
        elif self._exponent == 1:
            counted = values
        else:
            counted = [max(v, self._floor) ** self._exponent for v in values]
        total = 1 if self._exponent == 1 else sum(counted)
        return [Prediction(self._labels[i], i, counted[i] / total) for i in best]

    def probabilities(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """Return the model's own probabilities, shape (classes,), in the order of the labels."""
        return self._own(raw.reshape(-1))

    def _own(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Return the model's own probabilities, a new array."""
        if not self._logits:
            self._check(values)
        real = self._real(values)
        if self._pair:
            real = np.concatenate([np.zeros(1, np.float32) if self._logits else 1 - real, real])
        return self._softmax(real) if self._logits else real.copy()

    def _softmax(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        # It is NaN where one of them is, and no number at all is left where each is minus infinity.
        highest = logits.max()
        if not math.isfinite(highest):
            raise self._no_scores()
        return softmax(logits, highest)

    def _check(self, values: NDArray[Any]) -> None:
        # The product is what is quick; a large number alone makes it infinite too.
        if values.dtype.kind == "f" and not (math.isfinite(values.dot(values)) or np.isfinite(values).all()):
            raise self._no_scores()

    def _no_scores(self) -> AnswerError:
        return AnswerError(
            f"{self._name} answered NaN or infinity, expected scores: its weights are damaged, or it was "
            "converted wrongly; try its other variants, or convert it again"
        )

    def _tempered(self, values: NDArray[Any]) -> NDArray[np.float64]:
        # The same as `temper`, with the powers of a quantized output looked up.
        weights = self._weights_of(values)
        scores: NDArray[np.float64] = weights / np.add.reduce(weights)
        return scores

    def _weights_of(self, values: NDArray[Any]) -> NDArray[np.float64]:
        return self._weigh(values) if self._weights is None else self._weights.take(values.view(np.uint8))

    def _weigh(self, probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
        weights: NDArray[np.float64] = np.maximum(probabilities, self._floor, dtype=np.float64)
        return weights**self._exponent

    def _real(self, values: NDArray[Any]) -> NDArray[np.float32]:
        if self._tensor.dtype == "float32":
            return values
        return dequantize(values, self._tensor.scale, self._tensor.zero_point)


def largest(values: NDArray[Any], top: int | None = None) -> list[int]:
    """Return the places of the `top` largest values (all for None), the largest first, equals in order.

    None of them is NaN. A few of many are found one by one, without a sort of the rest.
    """
    if top == 1:
        return [int(values.argmax())]
    if top is None or top > _FEW or values.size < _MANY:
        # A stable sort of the complement: best first, equal scores in the order of the labels.
        falling = -values if values.dtype == np.float32 else ~values
        return falling.argsort(kind="stable")[:top].tolist()  # type: ignore[no-any-return]
    # In a wider type, what was found gets a value below all others.
    left = values.astype(np.float32 if values.dtype == np.float32 else np.int16)
    found = []
    for _ in range(top):
        found.append(int(left.argmax()))
        left[found[-1]] = -np.inf if left.dtype == np.float32 else -0x8000
    return found


def softmax(logits: NDArray[np.float32], highest: float | None = None) -> NDArray[np.float32]:
    """Return probabilities for real logits of shape (classes,), safe against overflow.

    `highest` is the largest of them, where that is known.
    """
    powers = np.exp(logits - (logits.max() if highest is None else highest))
    return np.asarray(powers / powers.sum(), np.float32)
