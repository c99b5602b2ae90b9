"""Splits of a dataset as arrays, and how they are drawn."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn.dataset import Item, Source

# With fewer images in some class than this, a fifth is too few for a test: folds test all images.
SMALL_CLASS = 50
# What pixels 0 and 255 become for a network without a trunk.
UNIT_RANGE = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class LabeledImages:
    """Images as the model sees them: uint8 N×H×W×C, labels int64 N, and the items they came from."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    items: tuple[Item, ...]

    def __len__(self) -> int:
        return len(self.items)

    def sample(self, count: int, seed: int) -> LabeledImages:
        """Return at most `count` images, stratified by class, drawn by the seed."""
        rng = np.random.default_rng([seed, 102])
        return self.take(np.sort(stratified(self.labels, min(count, len(self)), rng)))

    def take(self, indices: NDArray[np.int64]) -> LabeledImages:
        """Return the images at these places."""
        return LabeledImages(
            self.images[indices], self.labels[indices], tuple(self.items[i] for i in indices)
        )


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset that is ready for training.

    `calibration` is a part of `train`, or of `validation` in a private run; the other splits share nothing.
    `skipped` has the reason for each unreadable image. Where folds measure the accuracy (see `everything`),
    `validation` and `test` are empty.
    """

    source: Source
    input: InputSpec
    train: LabeledImages
    validation: LabeledImages
    test: LabeledImages
    calibration: LabeledImages
    skipped: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the model's outputs."""
        return self.source.labels

    @property
    def apart(self) -> LabeledImages:
        """Images that did not set the int8 ranges: the validation split, or other training images."""
        if len(self.validation):
            return self.validation
        used = {item.id for item in self.calibration.items}
        rest = [i for i, item in enumerate(self.train.items) if item.id not in used]
        return self.train.take(np.array(rest, np.int64))

    @property
    def digest(self) -> str:
        """A fingerprint of the images and how they are split."""
        digest = hashlib.sha256("\n".join(self.labels).encode())
        for split in (self.train, self.validation, self.test):
            digest.update("\n".join(i.id for i in split.items).encode() + split.images.tobytes())
        return digest.hexdigest()


def stratified(labels: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose `count` places stratified by class (largest remainders), drawn by `rng`."""
    classes, sizes = np.unique(labels, return_counts=True)
    exact = sizes * (count / len(labels))
    shares = np.floor(exact).astype(int)
    for k in np.argsort(shares - exact, kind="stable")[: count - shares.sum()]:
        shares[k] += 1
    chosen = [rng.permutation(np.flatnonzero(labels == c))[:n] for c, n in zip(classes, shares, strict=True)]
    return np.concatenate(chosen).astype(np.int64)
