"""Smoothed answers of a stream: scores averaged over time, and changes that have to last."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgecnn.classify.verdict import ALWAYS_KNOWN
from edgecnn.errors import AnswerError, OptionError
from edgecnn.frame import Prediction, Steady

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.classify.verdict import Verdict

# Defaults for cameras. On digits under flickering light (`synthetic:flicker=22`) the smoothed answer changes
# once for each true change, three frames late, while answers of single frames change seven times as often.
SMOOTH, HOLD = 0.4, 4
MOST_SMOOTH, MOST_HOLD = 0.99, 1000
# How much higher the score of another answer has to be than that of the current one.
BAND = 0.05
_GAP_NS = 2_000_000_000
_UNKNOWN = -1


class Smoother:
    """Smooths the answers of one stream; call it with the scores of each result, in order.

    Scores are averaged exponentially for each class: s ← a·s + (1 − a)·p, with a = `smooth`. Another answer
    replaces the current one when `hold` consecutive results ask for it. To ask for it, a class has to lead
    the current one by 0.05.

    A threshold is made for single images: an average crosses a high one long after every image has. So each
    result is known or unknown on its own, and the answer is unknown while the share of known results,
    averaged as the scores are, is below one half. Once there is an answer, a result may lie 0.05 below the
    threshold, and the share 0.05 below one half (a Schmitt trigger), so that an answer on a border does not
    flicker.

    The nearness of images, where the verdict has a threshold for it, is averaged as the scores are. The
    answer is unknown while the average is below the threshold, and 0.05 below it once there is an answer.

    Parameters
    ----------
    labels
        The classes, in the order of the scores.
    verdict
        The rule of `unknown`; without one there is always an answer.
    smooth
        The weight of past results in each average, 0 (none) to 0.99.
    hold
        How many consecutive results it takes, from 1.

    Raises
    ------
    OptionError
        For a weight or number out of range.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        verdict: Verdict = ALWAYS_KNOWN,
        smooth: float = SMOOTH,
        hold: int = HOLD,
    ) -> None:
        if not 0 <= smooth <= MOST_SMOOTH:
            raise OptionError(f"the smoothing is {smooth!r}, expected a share from 0 (none) to {MOST_SMOOTH}")
        if not 1 <= hold <= MOST_HOLD:
            raise OptionError(f"the number of results to hold is {hold!r}, expected 1 (none) to {MOST_HOLD}")
        self._labels, self._verdict = labels, verdict
        self._smooth, self._hold = smooth, hold
        self._scores: NDArray[np.float64] | None = None
        self._known = 0.0
        self._nearness: float | None = None
        self._answer = self._other = _UNKNOWN
        self._agreed = 0
        self._captured_ns: int | None = None
        self._gap_ns = 0

    def reset(self) -> None:
        """Forget all results: the next one is the first of another stream."""
        self._scores = None
        self._agreed = 0

    def __call__(
        self,
        scores: NDArray[np.float64],
        top: int | None = None,
        captured_ns: int | None = None,
        nearness: float | None = None,
    ) -> Steady:
        """Return the smoothed answer, and the `top` best classes (all for None) by their averages.

        Parameters
        ----------
        scores
            One result's score of every class, shape (classes,), 0 to 1.
        captured_ns
            When its frame was captured. After a gap of more than 2 s, and five times the one before, past
            results say nothing about the present one, and the stream begins again.
        nearness
            The image's, where the verdict has a threshold for it.

        Raises
        ------
        AnswerError
            Where a score is NaN or infinity, which would stay in the averages forever.
        OptionError
            Where the nearness is missing.
        """
        self._verdict.is_near(nearness)  # before anything changes
        if not math.isfinite(scores.dot(scores)):
            raise AnswerError("a score is NaN or infinity, expected 0 to 1: what was seen so far stays")
        if captured_ns is not None:
            self._forget_after_a_gap(captured_ns)
        if self._scores is None:
            self._scores, self._known = scores.copy(), float(self._is_known(scores, _UNKNOWN))
            self._nearness = nearness
            self._answer = self._asked_for(_UNKNOWN)
        else:
            self._scores += (1 - self._smooth) * (scores - self._scores)
            self._known += (1 - self._smooth) * (self._is_known(scores, self._answer) - self._known)
            self._average_nearness(nearness)
            self._decide(self._asked_for(self._answer))
        best = (-self._scores).argsort(kind="stable")[:top].tolist()
        predictions = [Prediction(self._labels[i], i, float(self._scores[i])) for i in best]
        label = None if self._answer == _UNKNOWN else self._labels[self._answer]
        return Steady(label, predictions)

    def _forget_after_a_gap(self, captured_ns: int) -> None:
        gap_ns = 0 if self._captured_ns is None else captured_ns - self._captured_ns
        if gap_ns > max(_GAP_NS, 5 * self._gap_ns):
            self.reset()
        self._captured_ns, self._gap_ns = captured_ns, gap_ns

    def _average_nearness(self, nearness: float | None) -> None:
        if self._nearness is not None and nearness is not None:
            self._nearness += (1 - self._smooth) * (nearness - self._nearness)

    def _is_known(self, scores: NDArray[np.float64], standing: int) -> bool:
        """Return whether one result reaches the threshold, which is lower once there is an answer."""
        return self._verdict.reached_by(scores.max(), BAND * (standing != _UNKNOWN))

    def _asked_for(self, standing: int) -> int:
        """Return the answer that the averages ask for, given the current one."""
        scores = self._scores
        assert scores is not None  # noqa: S101 - set by the caller
        best, slack = int(scores.argmax()), BAND * (standing != _UNKNOWN)
        if standing != _UNKNOWN and scores[best] < scores[standing] + BAND:
            best = standing
        known = self._known >= 0.5 - slack and self._verdict.is_near(self._nearness, slack)
        return best if known and not self._verdict.is_background(best) else _UNKNOWN

    def _decide(self, wanted: int) -> None:
        """Change the answer when enough consecutive results have asked for the same other one."""
        if wanted == self._answer:
            self._agreed = 0
            return
        self._agreed = self._agreed + 1 if self._agreed and wanted == self._other else 1
        self._other = wanted
        if self._agreed >= self._hold:
            self._answer, self._agreed = wanted, 0
