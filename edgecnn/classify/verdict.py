"""The rule of `unknown`: which scores, and which nearness, are an answer.

`knows` decides single results, `known` those of many images. The smoothers ask its parts, with some
slack, so that answers do not flicker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from edgecnn.bundle.scores import MULTI_LABEL_THRESHOLD
from edgecnn.errors import OptionError

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
    nearness
        An image whose nearness is below it is unknown, −1 to 1; None for a rule without it.
    """

    threshold: float = 0.0
    background: int | None = None
    thresholds: tuple[float, ...] = ()
    nearness: float | None = None

    @classmethod
    def of(cls, model: Model, threshold: float | None = None) -> Verdict:
        """Return the rule of a model, with a threshold of scores in place of its own where one is given.

        Raises OptionError for one that is out of range; see `check_threshold`.
        """
        check_threshold(threshold)
        confidence = model.confidence
        # A threshold of 0 asks for no answer of unknown, whatever its reason.
        never = threshold == 0
        nearness = None if never else confidence.nearness
        if model.scores == "multi-label":
            single = MULTI_LABEL_THRESHOLD if threshold is None else threshold
            own = model.thresholds if threshold is None else ()
            thresholds = own or (single,) * len(model.labels)
            return cls(min(thresholds), None, thresholds, nearness)
        background = None if never else confidence.background
        return cls(confidence.threshold if threshold is None else threshold, background, (), nearness)

    @property
    def may_be_unknown(self) -> bool:
        """Whether any image is unknown."""
        return self.threshold > 0 or self.background is not None or self.nearness is not None

    def knows(self, predictions: Sequence[Prediction], nearness: float | None = None) -> bool:
        """Whether predictions, best first, are an answer: the best one, or any one of a multi-label model.

        `nearness` is the image's; see `is_near`.
        """
        if self.thresholds:
            return bool(self.found(predictions, nearness))
        best = predictions[0]
        return self.reached_by(best.score) and not self.is_background(best.index) and self.is_near(nearness)

    def found(self, predictions: Sequence[Prediction], nearness: float | None = None) -> tuple[str, ...]:
        """Return the labels that reach their threshold, in the order of the predictions; see `knows`."""
        if not self.is_near(nearness):
            return ()
        return tuple(p.label for p in predictions if p.score >= self.thresholds[p.index])

    def reached_by(self, best: float, slack: float = 0.0) -> bool:
        """Whether a best score reaches the threshold, less some slack."""
        return bool(best >= self.threshold - slack)

    def is_background(self, index: int) -> bool:
        """Whether a class stands for unknown."""
        return index == self.background

    def is_near(self, nearness: float | None, slack: float = 0.0) -> bool:
        """Whether an image's nearness reaches its threshold, less some slack; always without a threshold.

        Raises OptionError for None where there is a threshold.
        """
        if self.nearness is None:
            return True
        if nearness is None:
            raise _missing()
        return bool(nearness >= self.nearness - slack)

    def classes_reached(
        self, scores: NDArray[np.float64], slack: float | NDArray[np.float64] = 0.0
    ) -> NDArray[np.bool_]:
        """Return for each class of a multi-label model whether it reaches its threshold, less some slack.

        Shapes are (classes,), or (images, classes) of scores.
        """
        import numpy as np  # the help of `live` does without

        return scores >= np.array(self.thresholds, np.float64) - slack

    def best_scores(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the threshold is compared with for each image: −1 where the background is best.

        Parameters
        ----------
        scores
            Of a model that is not multi-label, (images, classes).
        """
        best: NDArray[np.float64] = scores.max(axis=1)
        if self.background is not None:
            best[scores.argmax(axis=1) == self.background] = -1.0
        return best

    def known(
        self, scores: NDArray[np.float64], nearness: NDArray[np.floating[Any]] | None = None
    ) -> NDArray[np.bool_]:
        """Return for each of many images whether its answer is known, (images,); see `knows`.

        Parameters
        ----------
        scores
            Of every class in the order of the labels, (images, classes).
        nearness
            Of each image, (images,); it may be missing where the rule has no threshold for it.

        Raises
        ------
        OptionError
            Where it is missing and there is a threshold.
        """
        import numpy as np  # the help of `live` does without

        if self.thresholds:
            known = np.asarray(self.classes_reached(scores).any(axis=1))
        else:
            known = self.best_scores(scores) >= self.threshold
        if self.nearness is None:
            return known
        if nearness is None:
            raise _missing()
        # In the same type as single results, so that a float32 on the border is not decided differently.
        return known & (nearness.astype(np.float64) >= self.nearness)


def check_threshold(threshold: float | None) -> None:
    """Raise OptionError for a threshold that is not from 0 to 1."""
    if threshold is not None and not 0 <= threshold <= 1:
        raise OptionError(f"the threshold is {threshold!r}, expected a score from 0 (never unknown) to 1")


def _missing() -> OptionError:
    return OptionError(
        "the image's nearness is missing, by which this model decides what is unknown: pass the predictions "
        "as `classify` returned them, or the nearness with the scores"
    )


ALWAYS_KNOWN = Verdict()
