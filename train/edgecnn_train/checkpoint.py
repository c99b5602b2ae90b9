"""The state of a training after every epoch, from which it can continue."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import re
import struct
import time
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edgecnn.errors import OutputError
from edgecnn.evaluation.interval import wilson
from edgecnn.io.moving import flush_folder
from edgecnn.io.regular import read_regular

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from edgecnn_train.average import Average
    from edgecnn_train.batches import Clock

_MOST_STATE = 64 << 20
# Weights, averages and an optimizer's moments have eight bytes each at most; a checkpoint is far below.
_MOST_BYTES_A_WEIGHT, _MOST_OTHER = 64, 16 << 20
_ARRAYS = re.compile(r"(last|best)-\d+\.npz")
_HEADER = re.compile(
    rb"\x93NUMPY[\x01-\x03]\x00.{2,4}?\{'descr': '([<>|=][fiub]\d{1,2})', 'fortran_order': (True|False), "
    rb"'shape': \(([\d, ]{0,200})\), \} *\n",
    re.DOTALL,
)
# A private run has no metrics of its training images, others may have no validation images.
_FIGURES, _VALIDATION = {"seconds"}, {"val_loss", "val_accuracy"}


def best_epoch(history: Sequence[Mapping[str, float]], images: int, *, falls: bool) -> int:
    """Return the epoch to keep, from 1.

    Where the learning rate falls, later epochs are better, and the highest of many noisy accuracies is
    an accident: sooner or later, all of 12 validation images are right. It is the last epoch whose validation
    accuracy is within the 95 % interval of the highest one, by Wilson's score: that interval is never empty,
    where a standard error is zero if all images are right. Where the rate does not fall, an overfitted
    network gets worse, in its loss first: it is the highest, and of equals the one with the lowest
    validation loss. In both an epoch that was best once and is so no longer never becomes it again,
    so one file has to be kept. Without validation it is the last epoch.

    Parameters
    ----------
    images
        How many the validation split has.
    falls
        Whether the learning rate falls to the end.
    """
    if "val_accuracy" not in history[-1]:
        return len(history)
    numbers = range(1, len(history) + 1)
    if not falls:
        return max(numbers, key=lambda n: (history[n - 1]["val_accuracy"], -history[n - 1]["val_loss"], n))
    top = max(epoch["val_accuracy"] for epoch in history)
    near = wilson(top, images)
    return max(n for n in numbers if history[n - 1]["val_accuracy"] >= near)


@dataclass(frozen=True, slots=True)
class Saved:
    """A network's weights and its optimizer's variables, both in Keras' order."""

    weights: list[NDArray[Any]]
    optimizer: list[NDArray[Any]]


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the last epoch's whole state, the best epoch's weights, and the history, in one folder.

    `state.json` is written last, under another name first, and says which epoch's files belong to it, so
    that a stop at any moment leaves the state of one epoch whole.

    Parameters
    ----------
    images, falls
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
        images: int,
        average: Average | None = None,
        first: int = 0,
        *,
        falls: bool,
    ) -> None:
        super().__init__()
        self._first, self._falls = first, falls
        self._images = images
        self._average = average
        self._clock = clock
        self._seed = seed
        self._folder = folder
        self._fingerprint = fingerprint
        self.history: list[dict[str, float]] = []
        self.refused = ""  # why `load` took nothing from what was there, such as "is damaged"
        self._started = 0.0

    @property
    def best_epoch(self) -> int:
        """The best epoch so far, from 1."""
        first = min(self._first, len(self.history) - 1)
        return first + best_epoch(self.history[first:], self._images, falls=self._falls)

    def load(self, model: Any) -> Saved | None:
        """Return the state of the last complete epoch, or None for a new start.

        Arrays alone, no Keras file: Keras forgets which layers were frozen when it saves a network, and then
        drops the state of an optimizer that knew only the others.

        Parameters
        ----------
        model
            The network that is trained: what is damaged, or of another network, is not taken.
        """
        shapes = [tuple(weight.shape) for weight in model.weights]
        try:
            state = json.loads(read_regular(self._folder / "state.json", _MOST_STATE))
            if state["fingerprint"] != self._fingerprint:
                self.refused = "is of other settings or data"
                return None
            self.history = _read_history(state["history"], validated=self._images > 0)
            size = sum(math.prod(shape) for shape in shapes)
            last = read_arrays(self._last(), _MOST_BYTES_A_WEIGHT * size + _MOST_OTHER)
            best = read_arrays(self._best(), _MOST_BYTES_A_WEIGHT * size + _MOST_OTHER)
            saved = Saved(
                *([last[k] for k in last if k.startswith(part)] for part in ("weight", "optimizer"))
            )
            if any([a.shape for a in arrays] != shapes for arrays in (saved.weights, best.values())):
                raise ValueError("weights of another network")
            # The first of an optimizer's variables counts the batches; the others are checked when restored.
            if any(a.shape != () for a in saved.optimizer[:1]):
                raise ValueError("no state of an optimizer")
            return saved
        except FileNotFoundError:
            # Without a state nothing has begun; else one of the files that it names is lost.
            self.refused = "lacks a file" if self.history else ""
            self.history = []
            return None
        # A power cut leaves some of these, other damage the rest.
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            self.refused = "is damaged"
            self.history = []
            return None

    def best(self) -> list[NDArray[Any]]:
        """Return the best epoch's weights."""
        return list(read_arrays(self._best()).values())

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
        if self.best_epoch == len(self.history):
            with self._average.in_place() if self._average else contextlib.nullcontext():
                _write(self._best(), weight=self.model.get_weights())
        optimizer = [v.numpy() for v in self.model.optimizer.variables]
        _write(self._last(), weight=self.model.get_weights(), optimizer=optimizer)
        state = self._folder / "state.json.new"
        kept = {"fingerprint": self._fingerprint, "history": self.history}
        _keep(state, json.dumps(kept).encode())
        state.replace(self._folder / "state.json")
        # Before the epoch's files that it names take the place of the last epoch's.
        flush_folder(self._folder)
        named = {self._last(), self._best()}
        for old in list(self._folder.iterdir()):
            if _ARRAYS.fullmatch(old.name) and old not in named:
                old.unlink()

    def _last(self) -> Path:
        return self._folder / f"last-{len(self.history)}.npz"

    def _best(self) -> Path:
        return self._folder / f"best-{self.best_epoch}.npz"


def _write(path: Path, **parts: list[NDArray[Any]]) -> None:
    named: dict[str, Any] = {f"{part}{i}": a for part, arrays in parts.items() for i, a in enumerate(arrays)}
    buffer = io.BytesIO()
    np.savez(buffer, **named)
    _keep(path, buffer.getvalue())


def _keep(path: Path, content: bytes) -> None:
    """Write a file that a power cut does not take away again."""
    path.unlink(missing_ok=True)  # should it be a link, what it leads to is not ours
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def read_arrays(path: Path, most: int | None = None) -> dict[str, NDArray[Any]]:
    """Read a file of numpy's `savez` that can't be trusted: plain numbers, stored as they are.

    Raises OSError where it can't be read, ValueError where it is anything else. It takes no more memory than
    twice the file.
    """
    data = read_regular(path, most)
    found = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if sum(m.file_size for m in members) > len(data):
                raise ValueError("its parts are larger than the file")
            for member in members:
                if member.compress_type != zipfile.ZIP_STORED:
                    raise ValueError(f"{member.filename} is compressed")
                found[member.filename.removesuffix(".npy")] = _parse_array(archive.read(member))
    except (
        zipfile.BadZipFile,
        EOFError,
        NotImplementedError,
        RuntimeError,
        SyntaxError,
        struct.error,
    ) as error:
        raise ValueError(f"{path.name} is damaged: {error}") from error
    return found


def _parse_array(data: bytes) -> NDArray[Any]:
    """Return the array of a `.npy` file's bytes, whose header and size have to be as `savez` writes them.

    numpy's own reader allocates what the header claims, and lets Python's parser loose on it.
    """
    found = _HEADER.match(data)
    if not found:
        raise ValueError("no array of plain numbers")
    kind, order, sizes = (part.decode() for part in found.groups())
    shape = tuple(int(size) for size in sizes.replace(",", " ").split())
    try:
        dtype = np.dtype(kind)
    except TypeError as error:
        raise ValueError(f"no kind of number: {kind}") from error
    rest = data[found.end() :]
    if math.prod(shape) * dtype.itemsize != len(rest):
        raise ValueError("an array of another size than declared")
    return np.frombuffer(rest, dtype).reshape(shape, order="F" if order == "True" else "C")


def _read_history(kept: Any, *, validated: bool) -> list[dict[str, float]]:
    """Return the records of a state, each with the metrics that are needed. Raises ValueError."""
    if not isinstance(kept, list) or not kept:
        raise ValueError("no history")
    wanted = _FIGURES | _VALIDATION if validated else _FIGURES
    for epoch in kept:
        numbers = all(type(value) in (int, float) for value in epoch.values())
        whole = epoch.keys() >= wanted and epoch.keys() == kept[0].keys()
        if not numbers or not whole or not 0 <= epoch.get("val_accuracy", 0) <= 1:
            raise ValueError("a record that training did not write")
    return kept
