"""Averaging of weights: what is validated and kept is a moving average of the weights on the way."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edgecnn_train.batches import scaled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_BATCH = 125
_MOST = 16 * _BATCH


class Average(keras.callbacks.Callback):  # type: ignore[misc]
    """Validates the average that the optimizer keeps, and remembers it for whoever saves it.

    The averaged network is another one than those that batch normalization has measured on the way, so its
    statistics are taken anew from some training pictures (Izmailov et al. 2018, section 3.2). Keras'
    SwapEMAWeights leaves them as they were, which costs tens of points while the learning rate is high.

    Parameters
    ----------
    pictures
        Training pictures, uint8 N×H×W×C; 2,000 of them are used, drawn by lot: data sets are often sorted
        by class.
    """

    def __init__(self, pictures: NDArray[np.uint8]) -> None:
        super().__init__()
        drawn = np.random.default_rng(0).permutation(len(pictures))[:_MOST]
        self._pictures = scaled(pictures[drawn])
        self._own: list[Any] = []
        self._kept: list[Any] = []
        self._validated = False

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Remember the average of an epoch without validation too."""
        if not self._validated:
            self.on_test_begin()
            self.on_test_end()
        self._validated = False

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Put the average in the place of the weights."""
        self._validated = True
        self._own = self.model.get_weights()
        averages = self.model.optimizer._model_variables_moving_average
        for variable, average in zip(self.model.trainable_variables, averages, strict=True):
            variable.assign(average)
        measure_statistics(self.model, self._pictures)
        self._kept = self.model.get_weights()

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Put the weights back."""
        self.model.set_weights(self._own)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Put the weights back once more: Keras has just ended with the average."""
        self.model.set_weights(self._own)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the network the average that was validated last, and take it back."""
        own = self.model.get_weights()
        self.model.set_weights(self._kept)
        try:
            yield
        finally:
            self.model.set_weights(own)


def measure_statistics(model: Any, pictures: NDArray[np.float32]) -> None:
    """Set each batch normalization's mean and variance to what these pictures give, all counting alike."""
    layers = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    size = min(_BATCH, len(pictures))
    for i in range(len(pictures) // size if layers else 0):
        for layer in layers:
            layer.momentum = i / (i + 1)
        model(pictures[i * size : (i + 1) * size], training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
