"""Averaging of weights: a moving average of the weights is validated and kept."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edgecnn_train.batches import scaled
from edgecnn_train.splits import UNIT_RANGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_BATCH = 125
_MOST = 16 * _BATCH


class Average(keras.callbacks.Callback):  # type: ignore[misc]
    """Validates the average that the optimizer keeps, and keeps it for saving.

    Batch normalization has not measured the averaged network during training, so its statistics are taken
    again from some training images (Izmailov et al. 2018, section 3.2). Keras'
    SwapEMAWeights leaves them as they were, which costs tens of points while the learning rate is high.

    Parameters
    ----------
    images
        Training images, uint8 N×H×W×C; 2,000 of them are used, drawn at random: datasets are often sorted
        by class.
    value_range
        What pixels 0 and 255 become.
    """

    def __init__(self, images: NDArray[np.uint8], value_range: tuple[float, float] = UNIT_RANGE) -> None:
        super().__init__()
        drawn = np.random.default_rng(0).permutation(len(images))[:_MOST]
        self._images = scaled(images[drawn], value_range)
        self._own: list[Any] = []
        self._kept: list[Any] = []
        self._validated = False

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Keep the average of an epoch without validation too."""
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
        measure_statistics(self.model, self._images)
        self._kept = self.model.get_weights()

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Put the weights back."""
        self.model.set_weights(self._own)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Put the weights back again: Keras has just ended with the average."""
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


def measure_statistics(model: Any, images: NDArray[np.float32]) -> None:
    """Set each batch normalization's mean and variance to those of these images, equally weighted."""
    layers = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    size = min(_BATCH, len(images))
    for i in range(len(images) // size if layers else 0):
        for layer in layers:
            layer.momentum = i / (i + 1)
        model(images[i * size : (i + 1) * size], training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
