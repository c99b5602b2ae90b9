"""Quantization-aware training of a network that is trained: some epochs more, with int8's rounding in it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import keras

from edgecnn_train.batches import Batches, scaled
from edgecnn_train.checkpoint import best_epoch
from edgecnn_train.losses import accuracy, loss
from edgecnn_train.optimize import Schedule
from edgecnn_train.progress import progress
from edgecnn_train.quantize.parity import assert_parity
from edgecnn_train.quantize.qat import FreezeRanges, quantization_aware, twin_to_int8
from edgecnn_train.transfer import load_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn_train.batches import Clock
    from edgecnn_train.data import DataSet
    from edgecnn_train.progress import Show
    from edgecnn_train.recipe import Recipe

# Of the epochs, the last third trains with its ranges held, so that the weights settle in them.
_FROZEN = 1 / 3
_PARITY_PICTURES = 500


def to_int8_by_training(
    model: Any, data: DataSet, recipe: Recipe, say: Callable[[str], None], show: Show
) -> bytes:
    """Train the network on with the rounding of int8 (Jacob et al. 2018) and return its full-int8 file.

    The weights are those of the epoch that was best on the validation split, of those with held ranges.
    Raises GateError where the file does not answer as the network that was trained.
    """
    spec, train = recipe.quantize, recipe.train
    twin = quantization_aware(model, data.calibration.images)
    teacher = load_network(train.teacher, data.input, len(data.labels)) if train.teacher else None
    batches = Batches(data.train, recipe.augment, train, teacher)
    held = spec.qat_epochs - max(1, round(spec.qat_epochs * _FROZEN))
    schedule = Schedule("cosine", spec.qat_learning_rate, spec.qat_epochs * batches.steps)
    twin.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss=loss(train, batches.sparse),
        metrics=["accuracy"] if batches.sparse else [accuracy],
        jit_compile=False,
    )
    best = _Best(held, batches.clock, len(data.validation))
    with progress(show, spec.qat_epochs, best, say) as shown:
        twin.fit(
            # The epochs that follow those of the float network, so that no batch comes twice.
            batches.epochs(train.epochs),
            steps_per_epoch=batches.steps,
            epochs=spec.qat_epochs,
            shuffle=False,
            validation_data=(scaled(data.validation.images), batches.targets(data.validation.labels)),
            validation_batch_size=500,
            callbacks=[FreezeRanges(held), best, *shown],
            verbose=0,
        )
    twin.set_weights(best.weights)
    content = twin_to_int8(twin)
    assert_parity(twin, content, data.validation.images[:_PARITY_PICTURES])
    return content


class _Best(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the weights of the best epoch on the validation split, from the epoch number `first` on.

    `history` and `best_epoch` are as a checkpoint has them.
    """

    def __init__(self, first: int, clock: Clock, pictures: int) -> None:
        super().__init__()
        self._first, self._clock, self._pictures, self._started = first, clock, pictures, 0.0
        self.history: list[dict[str, float]] = []
        self.best_epoch = 1
        self.weights: list[Any] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Start the epoch's clock."""
        self._started, self._clock.seconds = time.monotonic(), 0.0

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Look at the epoch that just ended."""
        record = {k: float(v) for k, v in (logs or {}).items()}
        seconds = time.monotonic() - self._started
        share = self._clock.seconds / max(seconds, 1e-9)
        self.history.append(record | {"seconds": seconds, "data_share": share})
        # As long as the ranges move no epoch counts, and the last one stands for the best.
        first = min(self._first, epoch)
        self.best_epoch = first + best_epoch(self.history[first:], self._pictures)
        if self.best_epoch == epoch + 1:
            self.weights = self.model.get_weights()
