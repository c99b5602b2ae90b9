"""Batches for training: shuffled, augmented and mixed on the fly, with targets that fit the loss."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgecnn_train.augment import active, augment, mix, mixes
from edgecnn_train.splits import UNIT_RANGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn_train.recipe import AugmentSpec, TrainSpec
    from edgecnn_train.splits import LabeledImages

Batch = tuple[NDArray[Any], ...]


def scaled(images: NDArray[np.uint8], value_range: tuple[float, float] = UNIT_RANGE) -> NDArray[np.float32]:
    """Return uint8 images as the network takes them: float32, pixels 0 and 255 as in the range."""
    low, high = value_range
    return images.astype(np.float32) * np.float32((high - low) / 255) + np.float32(low)


@dataclass(slots=True)
class Clock:
    """The processor time of preparing batches, in seconds."""

    seconds: float = 0.0


class Batches:
    """The batches of every epoch, endlessly: tuples (images, targets) or (images, targets, weights).

    Each epoch's order and changes depend on the seed and the epoch alone, so that a run which was stopped
    continues with exactly the batches that it would have had.

    Parameters
    ----------
    teacher
        A Keras model whose answers, softened by the recipe's temperature, are added to the targets.
    value_range
        What pixels 0 and 255 become.
    """

    def __init__(
        self,
        split: LabeledImages,
        change: AugmentSpec,
        spec: TrainSpec,
        teacher: Any = None,
        value_range: tuple[float, float] = UNIT_RANGE,
    ) -> None:
        self._scaled = partial(scaled, value_range=value_range)
        self._split, self._change, self._spec, self._teacher = split, change, spec, teacher
        self._classes = int(split.labels.max()) + 1
        self.steps = -(-len(split) // spec.batch_size)
        self.clock = Clock()
        self._weights = class_weights(split.labels) if spec.class_weights == "balanced" else None

    @property
    def sparse(self) -> bool:
        """Whether targets are class numbers; else they are distributions over the classes, float32."""
        shared = mixes(self._change) or self._spec.label_smoothing or self._teacher is not None
        return self._spec.loss.startswith("sparse_") and not shared

    def epochs(self, first: int = 0) -> Iterator[Batch]:
        """Yield the batches of the epoch number `first` (from 0) and all that follow."""
        spec, images = self._spec, self._split.images
        # Where nothing is changed, images are converted once and not in every epoch.
        ready = None if active(self._change) else self._scaled(images)
        for epoch in range(first, 1 << 30):
            order = np.random.default_rng([spec.seed, 1, epoch]).permutation(len(self._split))
            rng = np.random.default_rng([spec.seed, 2, epoch])
            for start in range(0, len(order), spec.batch_size):
                began = time.thread_time()
                chosen = order[start : start + spec.batch_size]
                if ready is None:
                    batch = self._scaled(augment(images[chosen], self._change, rng))
                else:
                    batch = ready[chosen]
                prepared = self._finish(batch, self._split.labels[chosen], rng)
                self.clock.seconds += time.thread_time() - began
                yield prepared

    def targets(self, labels: NDArray[np.int64]) -> NDArray[Any]:
        """Return unmixed targets, for validation."""
        if self.sparse:
            return labels
        truth = np.eye(self._classes, dtype=np.float32)[labels]
        return truth if self._teacher is None else np.concatenate([truth, truth], axis=1)

    def _finish(self, images: NDArray[np.float32], labels: NDArray[np.int64], rng: Any) -> Batch:
        if self.sparse:
            weights = self._weigh(np.eye(self._classes, dtype=np.float32)[labels])
            return (images, labels) if weights is None else (images, labels, weights)
        truth = np.eye(self._classes, dtype=np.float32)[labels]
        images, truth = mix(images, truth, self._change, rng)
        weights = self._weigh(truth)
        smooth = np.float32(self._spec.label_smoothing)
        truth = truth * (1 - smooth) + smooth / self._classes
        if self._teacher is not None:
            answers = np.asarray(self._teacher.predict_on_batch(images), np.float64)
            soft = np.maximum(answers, 1e-7) ** (1 / self._spec.temperature)
            soft = (soft / soft.sum(axis=1, keepdims=True)).astype(np.float32)
            truth = np.concatenate([truth, soft], axis=1)
        return (images, truth) if weights is None else (images, truth, weights)

    def _weigh(self, truth: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Return the weight of each image; for a mixed one, the mix of the weights of its classes."""
        weights = None if self._weights is None else truth @ self._weights
        if self._spec.optimizer == "gradient_descent" and self.steps > 1:
            # Keras averages over batches; the last, smaller one must not count as much as the others.
            share = np.float32(len(truth) * self.steps / len(self._split))
            weights = np.full(len(truth), share) if weights is None else weights * share
        return weights


def class_weights(labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return weights that make all classes count equally, with a mean of 1 over the images."""
    counts = np.bincount(labels)
    return (len(labels) / (len(counts) * np.maximum(counts, 1))).astype(np.float32)
