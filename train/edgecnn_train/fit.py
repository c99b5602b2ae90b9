"""Trains a network: checkpoints after every epoch, goes on where it was stopped, and repeats by its seed."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edgecnn.errors import OutputError
from edgecnn_train.augment import active, augment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from edgecnn_train.data import DataSet, Split
    from edgecnn_train.recipe import AugmentSpec, Recipe, TrainSpec

Batch = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained network (with its best epoch's weights), and one record of figures for each epoch."""

    model: Any
    history: list[dict[str, float]]
    best_epoch: int


def fit(
    model: Any,
    data: DataSet,
    recipe: Recipe,
    work: Path,
    say: Callable[[str], None],
    verbose: int | str = "auto",
) -> Fitted:
    """Train until the recipe's last epoch and return the weights that were best on the validation split.

    Parameters
    ----------
    work
        Where checkpoints lie. Training with the same recipe and data goes on from there.
    verbose
        Keras' own: 1 for a progress bar, 2 for a line an epoch, 0 for nothing.
    """
    spec = recipe.train
    steps = -(-len(data.train) // spec.batch_size)
    checkpoint = Checkpoint(work, fingerprint(data, recipe), spec.seed)
    if resumed := checkpoint.load():
        model = resumed
        say(f"going on after epoch {len(checkpoint.history)} of {spec.epochs}, from {work}")
    else:
        if work.exists():
            say(f"{work} is damaged, or of another recipe or other data: starting anew")
        model.compile(
            optimizer=optimizer(spec, steps), loss=spec.loss, metrics=["accuracy"], jit_compile=False
        )
    if len(checkpoint.history) < spec.epochs:
        model.fit(
            batches(data.train, recipe.augment, spec, first_epoch=len(checkpoint.history)),
            steps_per_epoch=steps,
            initial_epoch=len(checkpoint.history),
            epochs=spec.epochs,
            shuffle=False,  # the batches already are
            validation_data=(scaled(data.validation.images), data.validation.labels),
            validation_batch_size=500,
            callbacks=[checkpoint],
            verbose=verbose,
        )
    best = checkpoint.best_epoch
    model.load_weights(checkpoint.best_weights)
    return Fitted(model, checkpoint.history, best)


def scaled(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return uint8 pictures as the network takes them: float32, 0 to 1."""
    return images.astype(np.float32) * np.float32(1 / 255)


def batches(split: Split, change: AugmentSpec, spec: TrainSpec, first_epoch: int = 0) -> Iterator[Batch]:
    """Yield shuffled, augmented batches for ever, epoch after epoch.

    Each epoch's order and changes depend on the seed and the epoch alone, so that a run which was stopped
    goes on with the very batches that it would have had.
    """
    size = spec.batch_size
    images = split.images if active(change) else scaled(split.images)
    for epoch in range(first_epoch, 1 << 30):
        order = np.random.default_rng([spec.seed, 1, epoch]).permutation(len(split))
        rng = np.random.default_rng([spec.seed, 2, epoch])
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            batch = images[chosen]
            yield (scaled(augment(batch, change, rng)) if active(change) else batch), split.labels[chosen]


def optimizer(spec: TrainSpec, steps_per_epoch: int) -> Any:
    """Return the recipe's optimizer: Keras' own, `momentum` being SGD with a momentum of 0.9."""
    rate: Any = spec.learning_rate
    if spec.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(spec.learning_rate, spec.epochs * steps_per_epoch)
    table = {
        "sgd": lambda: keras.optimizers.SGD(rate),
        "momentum": lambda: keras.optimizers.SGD(rate, momentum=0.9),
        "adagrad": lambda: keras.optimizers.Adagrad(rate),
        "rmsprop": lambda: keras.optimizers.RMSprop(rate),
        "adam": lambda: keras.optimizers.Adam(rate),
    }
    return table[spec.optimizer]()


def fingerprint(data: DataSet, recipe: Recipe) -> str:
    """Return what a checkpoint has to agree with to go on from it."""
    return json.dumps({"recipe": recipe.as_dict(), "data": data.digest}, sort_keys=True)


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the last epoch's whole state, the best epoch's weights, and the history, in one folder.

    Best is the highest validation accuracy; between equals, the lowest validation loss. Every file is
    written under another name first, and `state.json` last, so that a stop at any moment leaves the state
    of one epoch whole.
    """

    def __init__(self, folder: Path, fingerprint: str, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._folder = folder
        self._fingerprint = fingerprint
        self.history: list[dict[str, float]] = []
        self._started = 0.0

    @property
    def best_weights(self) -> Path:
        """The best epoch's weights."""
        return self._folder / f"best-{self.best_epoch}.weights.h5"

    @property
    def best_epoch(self) -> int:
        """The best epoch so far, from 1."""
        ranked = [(e["val_accuracy"], -e["val_loss"], -i) for i, e in enumerate(self.history, 1)]
        return -max(ranked)[2]

    def load(self) -> Any | None:
        """Return the network as it was after the last whole epoch, or None for a new start."""
        try:
            state = json.loads((self._folder / "state.json").read_text("utf-8"))
            if state["fingerprint"] != self._fingerprint:
                return None
            self.history = state["history"]
            self.best_weights.open("rb").close()
            return keras.models.load_model(self._last())
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):  # a power cut leaves any of these
            self.history = []
            return None

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Start the epoch's clock, and make its dropout depend on the seed and the epoch alone.

        Keras does not save the state of its random layers with the model.
        """
        self._started = time.monotonic()
        for layer in self.model.layers:
            if hasattr(layer, "seed_generator"):
                layer.seed_generator.state.assign([self._seed, epoch << 16])

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Save the epoch that just ended."""
        record = {k: float(v) for k, v in (logs or {}).items()}
        self.history.append(record | {"seconds": round(time.monotonic() - self._started, 2)})
        try:
            self._save()
        except (OSError, RuntimeError) as error:  # h5py raises either
            reason = getattr(error, "strerror", None) or str(error)
            raise OutputError(f"the checkpoint in {self._folder} can't be written: {reason}") from error

    def _save(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.best_epoch == len(self.history):
            self.model.save_weights(self.best_weights)
        self.model.save(self._last())
        state = self._folder / "state.json.new"
        state.write_text(json.dumps({"fingerprint": self._fingerprint, "history": self.history}), "utf-8")
        state.replace(self._folder / "state.json")
        kept = {self._last(), self.best_weights}
        for old in [*self._folder.glob("last-*.keras"), *self._folder.glob("best-*.weights.h5")]:
            if old not in kept:
                old.unlink()

    def _last(self) -> Path:
        return self._folder / f"last-{len(self.history)}.keras"
