"""What a training leaves behind after every epoch, so that it can go on from there."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import keras

from edgecnn.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn_train.average import Average
    from edgecnn_train.batches import Clock


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the last epoch's whole state, the best epoch's weights, and the history, in one folder.

    Best is the highest validation accuracy; between equals, the lowest validation loss. Every file is
    written under another name first, and `state.json` last, so that a stop at any moment leaves the state
    of one epoch whole.
    """

    def __init__(
        self, folder: Path, fingerprint: str, seed: int, clock: Clock, average: Average | None = None
    ) -> None:
        super().__init__()
        self._average = average
        self._clock = clock
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
        self._clock.seconds = 0.0
        for layer in self.model.layers:
            if hasattr(layer, "seed_generator"):
                layer.seed_generator.state.assign([self._seed, epoch << 16])

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Save the epoch that just ended."""
        record = {k: float(v) for k, v in (logs or {}).items()}
        seconds = time.monotonic() - self._started
        share = self._clock.seconds / max(seconds, 1e-9)
        self.history.append(record | {"seconds": round(seconds, 2), "data_share": round(share, 4)})
        try:
            self._save()
        except (OSError, RuntimeError) as error:  # h5py raises either
            reason = getattr(error, "strerror", None) or str(error)
            raise OutputError(f"the checkpoint in {self._folder} can't be written: {reason}") from error

    def _save(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.best_epoch == len(self.history):
            with self._average.in_place() if self._average else contextlib.nullcontext():
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
