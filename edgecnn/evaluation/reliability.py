"""Accuracy by score: the bins of a reliability diagram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True, slots=True)
class Reliability:
    """The accuracy of the best class by its score, as a reliability diagram shows it.

    Arrays of shape (15,): the mean score, the share that was right and the number of images in each of the
    equal bins of the score; empty bins are zeros.
    """

    score: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    count: NDArray[np.int64]

    @classmethod
    def of(cls, probabilities: NDArray[Any], truth: NDArray[np.int64]) -> Reliability:
        """Put the images into bins: `probabilities` is N×classes, `truth` N."""
        best = probabilities.max(axis=1)
        right = probabilities.argmax(axis=1) == truth
        # A bin has its upper edge in it, as in Guo et al. 2017, https://arxiv.org/abs/1706.04599.
        places = np.clip(np.ceil(best * BINS).astype(np.int64) - 1, 0, BINS - 1)
        count = np.bincount(places, minlength=BINS)
        sums = (np.bincount(places, weights=w, minlength=BINS) for w in (best, right.astype(float)))
        score, accuracy = (s / count.clip(1) for s in sums)
        return cls(score, accuracy, count)

    @classmethod
    def together(cls, parts: Sequence[Reliability]) -> Reliability:
        """Return the bins of several sets of images as those of one."""
        count = sum((p.count for p in parts[1:]), parts[0].count)
        score, accuracy = (
            sum((getattr(p, name) * p.count for p in parts), np.zeros(BINS)) / count.clip(1)
            for name in ("score", "accuracy")
        )
        return cls(score, accuracy, count)

    @property
    def error(self) -> float:
        """The expected calibration error, 0 to 1: the mean distance of score and accuracy (Guo et al.)."""
        return float((self.count * np.abs(self.accuracy - self.score)).sum() / max(1, self.count.sum()))
