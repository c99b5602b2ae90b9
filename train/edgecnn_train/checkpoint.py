"""What a training leaves behind after every epoch, so that it can go on from there."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import time
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edgecnn.errors import OutputError
from edgecnn_train.interval import wilson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edgecnn_train.average import Average
    from edgecnn_train.batches import Clock


def could_be_best(history: Sequence[Mapping[str, float]], images: int, *, falls: bool) -> list[int]:
    """Return the epochs, from 1 and rising, of which one is best now or can still become it.

    That is every epoch that `best_epoch` does not rule out and that has no other one which is at least as
    good in both validation figures. Their weights have to be kept, and no others.
    """
    if not history or "val_accuracy" not in history[0]:
        return [len(history)] if history else []
    top = max(epoch["val_accuracy"] for epoch in history)
    near = wilson(top, images) if falls else top
    left = [n for n, epoch in enumerate(history, 1) if epoch["val_accuracy"] >= near]
    order = sorted(left, key=lambda n: (_loss(history[n - 1]), -n))
    found: list[int] = []
    for n in order:  # from the lowest loss on: what comes later has to be more accurate
        if not found or history[n - 1]["val_accuracy"] > history[found[-1] - 1]["val_accuracy"]:
            found.append(n)
    return sorted(found)


def best_epoch(history: Sequence[Mapping[str, float]], images: int, *, falls: bool) -> int:
    """Return the epoch to keep, from 1.

    A few validation images can't tell epochs apart: 12 of them are all right by accident sooner or later. So
    where the learning rate falls, all epochs whose validation accuracy is within the 95 % interval of the
    highest one are equals; where it does not fall, and a network that has learnt its images by heart gets
    worse, only those of the highest accuracy are. Of equals the one with the lowest validation loss is kept,
    which tells how sure the answers are, and of equal losses the last. Without validation figures it is the
    last epoch.

    Parameters
    ----------
    images
        How many the validation split has.
    falls
        Whether the learning rate falls to the end.
    """
    candidates = could_be_best(history, images, falls=falls)
    if "val_loss" not in history[0]:
        return candidates[-1]
    return min(candidates, key=lambda n: (_loss(history[n - 1]), -n))


def _loss(epoch: Mapping[str, float]) -> float:
    """Return an epoch's validation loss; of a network that diverged it is no number."""
    loss = epoch["val_loss"]
    return math.inf if math.isnan(loss) else loss


@dataclass(frozen=True, slots=True)
class Saved:
    """A network's weights and its optimizer's variables, both in Keras' order."""

    weights: list[NDArray[Any]]
    optimizer: list[NDArray[Any]]


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the last epoch's whole state, the weights of epochs that may be best, and the history.

    `state.json` is written last, under another name first, and says which epoch's files belong to it, so
    that a stop at any moment leaves the state of one epoch whole.

    Parameters
    ----------
    pictures, falls
        These decide which epoch is best, see `best_epoch`.
    first
        So many epochs at the start do not count: as long as there are no others, the last one is the best.
    """

    def __init__(
        self,
        folder: Path,
        fingerprint: str,
        seed: int,
        clock: Clock,
        pictures: int,
        average: Average | None = None,
        first: int = 0,
        *,
        falls: bool,
    ) -> None:
        super().__init__()
        self._first, self._falls = first, falls
        self._pictures = pictures
        self._average = average
        self._clock = clock
        self._seed = seed
        self._folder = folder
        self._fingerprint = fingerprint
        self.history: list[dict[str, float]] = []
        self._started = 0.0

    @property
    def best_epoch(self) -> int:
        """The best epoch so far, from 1."""
        first = self._counted()
        return first + best_epoch(self.history[first:], self._pictures, falls=self._falls)

    def _candidates(self) -> list[int]:
        """Return the epochs whose weights have to be kept, from 1."""
        first = self._counted()
        return [first + n for n in could_be_best(self.history[first:], self._pictures, falls=self._falls)]

    def _counted(self) -> int:
        """Return how many epochs at the start do not count."""
        return min(self._first, len(self.history) - 1)

    def load(self) -> Saved | None:
        """Return what the last whole epoch left behind, or None for a new start.

        Arrays alone, no Keras file: Keras forgets which layers were frozen when it saves a network, and then
        drops the state of an optimizer that knew only the others.
        """
        try:
            state = json.loads((self._folder / "state.json").read_text("utf-8"))
            if state["fingerprint"] != self._fingerprint:
                return None
            self.history = state["history"]
            for epoch in self._candidates():
                _read(self._best(epoch))
            last = _read(self._last())
            return Saved(*([last[k] for k in last if k.startswith(part)] for part in ("weight", "optimizer")))
        # A power cut leaves any of these.
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            self.history = []
            return None

    def best(self) -> list[NDArray[Any]]:
        """Return the best epoch's weights."""
        return list(_read(self._best(self.best_epoch)).values())

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
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"the checkpoint in {self._folder} can't be written: {reason}") from error

    def _save(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        kept = {self._best(epoch) for epoch in self._candidates()}
        if (new := self._best(len(self.history))) in kept:
            with self._average.in_place() if self._average else contextlib.nullcontext():
                _write(new, weight=self.model.get_weights())
        optimizer = [v.numpy() for v in self.model.optimizer.variables]
        _write(self._last(), weight=self.model.get_weights(), optimizer=optimizer)
        state = self._folder / "state.json.new"
        _keep(state, json.dumps({"fingerprint": self._fingerprint, "history": self.history}).encode())
        state.replace(self._folder / "state.json")
        # Before the epoch's files that it names take the place of the last epoch's.
        _flush(self._folder)
        for old in self._folder.glob("*.npz"):
            if old not in {self._last(), *kept}:
                old.unlink()

    def _last(self) -> Path:
        return self._folder / f"last-{len(self.history)}.npz"

    def _best(self, epoch: int) -> Path:
        return self._folder / f"best-{epoch}.npz"


def _write(path: Path, **parts: list[NDArray[Any]]) -> None:
    named: dict[str, Any] = {f"{part}{i}": a for part, arrays in parts.items() for i, a in enumerate(arrays)}
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    _keep(path, buffer.getvalue())


def _keep(path: Path, content: bytes) -> None:
    """Write a file that a power cut does not take away again."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush(folder: Path) -> None:
    """Write to the disk what a folder's files are called."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path) as kept:
        return {name: kept[name] for name in kept.files}
