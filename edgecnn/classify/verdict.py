"""The rule of `unknown`: which scores are an answer.

`knows` decides single results. The smoothers ask its parts, with some slack, so that answers do not flicker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from edgecnn.bundle.scores import MULTI_LABEL_THRESHOLD

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.bundle.bundle import Model
    from edgecnn.frame import Prediction


class Verdict(NamedTuple):
    """Decides whether scores are an answer.

    Attributes
    ----------
    threshold
        A best score below it is unknown; 0 for never. The lowest of `thresholds` where there are some.
    background
        The index of the class that stands for unknown; None for none.
    thresholds
        For a multi-label model, the score that each class needs to be found, in the order of the labels;
        empty for others.
    """

    threshold: float = 0.0
    background: int | None = None
    thresholds: tuple[float, ...] = ()

    @classmethod
    def of(cls, model: Model, threshold: float | None = None) -> Verdict:
        """Return the rule of a model, with a threshold in place of its own where one is given."""
        if model.scores == "multi-label":
            single = MULTI_LABEL_THRESHOLD if threshold is None else threshold
            own = model.thresholds if threshold is None else ()
            thresholds = own or (single,) * len(model.labels)
            return cls(min(thresholds), None, thresholds)
        # A threshold of 0 asks for no answer of unknown, whatever its reason.
        background = None if threshold == 0 else model.confidence.background
        return cls(model.confidence.threshold if threshold is None else threshold, background)

    @property
    def may_be_unknown(self) -> bool:
        """Whether any scores are unknown."""
        return self.threshold > 0 or self.background is not None

    def knows(self, predictions: Sequence[Prediction]) -> bool:
        """Whether predictions, best first, are an answer: the best one, or any one of a multi-label model."""
        if self.thresholds:
            return bool(self.found(predictions))
        best = predictions[0]
        return self.reached_by(best.score) and not self.is_background(best.index)

    def found(self, predictions: Sequence[Prediction]) -> tuple[str, ...]:
        """Return the labels that reach their threshold, in the order of the predictions."""
        return tuple(p.label for p in predictions if p.score >= self.thresholds[p.index])

    def reached_by(self, best: float, slack: float = 0.0) -> bool:
        """Whether a best score reaches the threshold, less some slack."""
        return bool(best >= self.threshold - slack)

    def is_background(self, index: int) -> bool:
        """Whether a class stands for unknown."""
        return index == self.background

    def classes_reached(
        self, scores: NDArray[np.float64], slack: float | NDArray[np.float64] = 0.0
    ) -> NDArray[np.bool_]:
        """Return for each class of a multi-label model whether it reaches its threshold, less some slack.

        Shapes are (classes,).
        """
        import numpy as np  # the help of `live` does without

        return scores >= np.array(self.thresholds, np.float64) - slack


ALWAYS_KNOWN = Verdict()
