"""Smoothed answers of a model that may find several classes in an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn.classify.smooth import BAND, HOLD, SMOOTH, Smoother
from edgecnn.frame import Prediction, Steady

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.classify.verdict import Verdict


class LabelsSmoother(Smoother):
    """A `Smoother` for a model that may find several classes in an image: each is found or lost on its own.

    A class is found when its average has reached its threshold for `hold` consecutive results, and lost when
    it has been 0.05 below the threshold for as many. While the averaged nearness is below its threshold, or
    0.05 below it once a class is found, no class is asked for.

    Parameters
    ----------
    verdict
        The rule of `unknown`, with a threshold for each class.
    labels, smooth, hold
        As of `Smoother`.
    """

    def __init__(
        self, labels: tuple[str, ...], verdict: Verdict, smooth: float = SMOOTH, hold: int = HOLD
    ) -> None:
        super().__init__(labels, verdict, smooth, hold)
        self._found = np.zeros(len(labels), bool)
        self._asking = np.zeros(len(labels), np.int64)

    def __call__(
        self,
        scores: NDArray[np.float64],
        top: int | None = None,
        captured_ns: int | None = None,
        nearness: float | None = None,
    ) -> Steady:
        """Return the labels that are found, and the `top` best classes by their averages; see `Smoother`."""
        near = self._verdict.is_near(nearness)
        if captured_ns is not None:
            self._forget_after_a_gap(captured_ns)
        if self._scores is None:
            self._scores, self._nearness = scores.copy(), nearness
            self._found, self._asking = (
                self._verdict.classes_reached(scores) & near,
                np.zeros_like(self._asking),
            )
        else:
            self._scores += (1 - self._smooth) * (scores - self._scores)
            self._average_nearness(nearness)
            near = self._verdict.is_near(self._nearness, BAND * self._found.any())
            wanted = self._verdict.classes_reached(self._scores, BAND * self._found) & near
            self._asking = np.where(wanted != self._found, self._asking + 1, 0)
            changed = self._asking >= self._hold
            self._found = np.where(changed, wanted, self._found)
            self._asking[changed] = 0
        order = (-self._scores).argsort(kind="stable").tolist()
        predictions = [Prediction(self._labels[i], i, float(self._scores[i])) for i in order[:top]]
        found = tuple(self._labels[i] for i in order if self._found[i])
        return Steady(", ".join(found) or None, predictions, found)
