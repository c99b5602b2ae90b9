"""Calibrated scores: the temperature, the expected calibration error, and the threshold of `unknown`.

All are measured through `edgecnn.Classifier`, separately for each variant: the temperature on the
validation split, the threshold on negatives, images of things that the model does not know.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.bundle.confidence import smallest, temper
from edgecnn_train.background import background_of, generated_count
from edgecnn_train.reliability import Reliability

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from edgecnn.classify.classifier import Classifier
    from edgecnn_train.negatives import Negatives
    from edgecnn_train.recipe import Recipe
    from edgecnn_train.splits import Dataset

TEMPERATURE_LIMITS = (0.2, 15.0)
# The standard deviation of the prior for the logarithm of the temperature. Without it, a validation split of
# four images, all classified correctly, would make every score 1; with thousands of images it hardly counts.
PRIOR_SPREAD = 0.5
MANY_REJECTED = 0.1


@dataclass(frozen=True, slots=True)
class CalibratedVariant:
    """One variant: `before` and `after` the temperature, on the validation and the test split.

    `false_accept` is the share of negatives, different from those that chose the threshold, that are
    classified; `false_reject` the share of test images of the classes that are unknown. `capped` says that
    the threshold stays below what the recipe's `false_accept` asks for, which is `asked`, because that one
    would reject `asked_false_reject` of the validation images.
    """

    temperature: float
    threshold: float
    false_accept: float
    false_reject: float
    capped: bool
    asked: float
    asked_false_reject: float
    validation: tuple[Reliability, Reliability]
    test: tuple[Reliability, Reliability]

    def as_dict(self) -> dict[str, Any]:
        """Return the manifest's entry."""
        return {
            "temperature": self.temperature,
            "threshold": self.threshold,
            "false_accept": self.false_accept,
            "false_reject": self.false_reject,
            "capped": self.capped,
            "asked": {"threshold": self.asked, "validation_false_reject": self.asked_false_reject},
            "ece": {
                split: {"before": before.error, "after": after.error}
                for split, (before, after) in (("validation", self.validation), ("test", self.test))
            },
        }


@dataclass(frozen=True, slots=True)
class Calibrated:
    """Every variant, and what the threshold was chosen on.

    If the dataset has no `background` class of its own, it consists of `generated` images of the test split.
    """

    variants: dict[str, CalibratedVariant]
    false_accept: float
    max_false_reject: float
    negatives: str
    count: int
    background: str | None
    generated: int

    def as_dict(self) -> dict[str, Any]:
        """Return the manifest's table `confidence`."""
        return {
            "variants": {name: v.as_dict() for name, v in self.variants.items()},
            "unknown": {
                "false_accept": self.false_accept,
                "max_false_reject": self.max_false_reject,
                "negatives": self.negatives,
                "count": self.count,
                "background": self.background,
                "generated_test_pictures": self.generated,
            },
        }

    def lines(self) -> list[str]:
        """Return the lines about each variant, with warnings."""
        lines = []
        for name, v in self.variants.items():
            before, after = (r.error for r in v.test)
            below = f"unknown below {v.threshold:.3f}" if v.threshold else "no threshold"
            lines.append(
                f"{name}: temperature {v.temperature:.2f}, calibration error {before:.2%} → {after:.2%}; "
                f"{below}: {v.false_accept:.1%} of the negatives (other things) get a class, "
                f"{v.false_reject:.1%} of the test images get none"
            )
            if v.capped:
                lines.append(
                    f"warning: {name} lets more negatives pass than {self.false_accept:.1%}: that would take "
                    f"a threshold of {v.asked:.3f}, which rejects {v.asked_false_reject:.1%} of the "
                    f"validation images; {tell_apart(self.background)}"
                )
            if v.false_reject > MANY_REJECTED:
                lines.append(
                    f"warning: {name} calls {v.false_reject:.1%} of the test images unknown: "
                    f"{reject_fewer(capped=v.capped)}"
                )
        return lines


def reject_fewer(*, capped: bool) -> str:
    """Return advice for too many images of the classes that are unknown.

    A capped threshold is already lower than `unknown.false_accept` asks for, so raising that does nothing.
    """
    if capped:
        return (
            "its scores for them are hardly higher than for other things; more images of its classes, or "
            "more epochs (`--epochs`), may help"
        )
    return "a higher `unknown.false_accept` lowers this, but gives more other things a class"


def tell_apart(background: str | None) -> str:
    """Return advice for scores that hardly separate the classes from other things."""
    if background is None:
        return "more images, more epochs (--epochs) or --set unknown.background_class=true may help"
    return f"more images, more epochs (--epochs) or more and other images of {background!r} may help"


def calibrate(
    data: Dataset, recipe: Recipe, negatives: Negatives, classifiers: dict[str, Classifier]
) -> Calibrated:
    """Calibrate every variant on the validation split, and measure it on the test split."""
    background = background_of(recipe, data.labels)
    spec = recipe.unknown
    return Calibrated(
        {name: _variant(data, recipe, negatives, c, background) for name, c in classifiers.items()},
        spec.false_accept,
        spec.max_false_reject,
        negatives.what,
        len(negatives.measuring),
        None if background is None else data.labels[background],
        generated_count(data.test, background),
    )


def published(
    data: Dataset,
    recipe: Recipe,
    negatives: Negatives,
    classifiers: dict[str, Classifier],
    folds: Sequence[Calibrated],
    own: Mapping[str, NDArray[np.float64]],
    truth: NDArray[np.int64],
) -> Calibrated:
    """Choose temperature and threshold of the network of all images, by the folds' answers.

    Parameters
    ----------
    folds
        What was measured in each fold, with what its own validation images chose.
    own, truth
        The probabilities of each variant on all folds' test images, N×classes, and the true classes, N.
    """
    background = background_of(recipe, data.labels)
    found = {}
    for name, classifier in classifiers.items():
        floor = smallest(classifier.model.file.outputs[0])
        scores = own[name], *(probabilities(classifier, p) for p in (negatives.choosing, negatives.measuring))
        chosen, _, measuring = _choose(recipe, scores, truth, floor, background)
        parts = [fold.variants[name] for fold in folds]
        weights = [int(part.test[0].count.sum()) for part in parts]
        found[name] = replace(
            chosen,
            false_accept=float(np.mean(_answers(measuring, background) >= chosen.threshold)),
            false_reject=float(np.average([part.false_reject for part in parts], weights=weights)),
            validation=_together([part.validation for part in parts]),
            test=_together([part.test for part in parts]),
        )
    generated = sum(fold.generated for fold in folds)
    spec = recipe.unknown
    return Calibrated(
        found,
        spec.false_accept,
        spec.max_false_reject,
        negatives.what,
        len(negatives.measuring),
        None if background is None else data.labels[background],
        generated,
    )


def _together(pairs: Sequence[tuple[Reliability, Reliability]]) -> tuple[Reliability, Reliability]:
    return Reliability.together([p[0] for p in pairs]), Reliability.together([p[1] for p in pairs])


def _variant(
    data: Dataset, recipe: Recipe, negatives: Negatives, classifier: Classifier, background: int | None
) -> CalibratedVariant:
    floor = smallest(classifier.model.file.outputs[0])
    images = data.validation.images, negatives.choosing, negatives.measuring
    scores = [probabilities(classifier, p) for p in images]
    own, truth = probabilities(classifier, data.test.images), data.test.labels
    chosen, validation, measuring = _choose(recipe, scores, data.validation.labels, floor, background)
    test = temper(own, chosen.temperature, floor)
    true_test = _answers(test[truth != _number(background)], background)
    return replace(
        chosen,
        false_accept=float(np.mean(_answers(measuring, background) >= chosen.threshold)),
        false_reject=float(np.mean(true_test < chosen.threshold)),
        validation=(
            Reliability.of(scores[0], data.validation.labels),
            Reliability.of(validation, data.validation.labels),
        ),
        test=(Reliability.of(own, truth), Reliability.of(test, truth)),
    )


def _choose(
    recipe: Recipe,
    scores: Sequence[NDArray[np.float64]],
    truth: NDArray[np.int64],
    floor: float,
    background: int | None,
) -> tuple[CalibratedVariant, NDArray[np.float64], NDArray[np.float64]]:
    """Choose temperature and threshold; the measurements are still empty.

    `scores` are the probabilities of images whose true classes are `truth`, of the negatives that choose, and
    of those that measure; the first and the last are returned at the temperature.
    """
    temperature = fit_temperature(scores[0], truth, floor)
    known, choosing, measuring = (temper(p, temperature, floor) for p in scores)
    answers = _answers(known[truth != _number(background)], background)
    asked = accept_at_most(recipe.unknown.false_accept, _answers(choosing, background))
    most = reject_at_most(recipe.unknown.max_false_reject, answers)
    nothing = Reliability.of(known[:0], truth[:0])
    chosen = CalibratedVariant(
        temperature,
        min(asked, most),
        0.0,
        0.0,
        most < asked,
        asked,
        float(np.mean(answers < asked)),
        (nothing, nothing),
        (nothing, nothing),
    )
    return chosen, known, measuring


def _number(background: int | None) -> int:
    return -1 if background is None else background


def fit_temperature(probabilities: NDArray[Any], truth: NDArray[np.int64], floor: float) -> float:
    """Return the temperature with the smallest negative log-likelihood of the true classes.

    Found by a grid and then by the golden section over its logarithm (Guo et al. 2017, section 4.2), under a
    weak prior for 1; see `PRIOR_SPREAD`.

    Parameters
    ----------
    probabilities
        The model's own, N×classes.
    truth
        The true classes, N.
    floor
        What smaller probabilities are taken for; see `edgecnn.bundle.confidence.smallest`.
    """
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), floor))
    logs -= logs.max(axis=1, keepdims=True)
    true = logs[np.arange(len(truth)), truth]

    def loss(u: float) -> float:
        likelihood = true * math.exp(-u) - np.log(np.exp(logs * math.exp(-u)).sum(axis=1))
        return float(0.5 * (u / PRIOR_SPREAD) ** 2 - likelihood.sum())

    low, high = map(math.log, TEMPERATURE_LIMITS)
    grid = np.linspace(low, high, 44).tolist()
    k = min(range(len(grid)), key=lambda i: loss(grid[i]))
    best = _golden_section(loss, grid[max(0, k - 1)], grid[min(len(grid) - 1, k + 1)])
    return round(math.exp(best), 4)


def accept_at_most(share: float, negatives: NDArray[np.float64]) -> float:
    """Return the lowest threshold at which at most `share` of these scores are at or above it.

    It is halfway between the highest rejected score and the next one above it, so that rounding on another
    machine does not matter. 1 if even that accepts more: scores of exactly 1 can't be separated.
    """
    falling = -np.sort(-np.round(negatives, 9))
    accepted = math.floor(share * len(falling) + 1e-9)
    if accepted >= len(falling) or falling[accepted] <= 0:
        return 0.0
    rejected = float(falling[accepted])
    above = falling[falling > rejected]
    return (rejected + (float(above[-1]) if len(above) else 1.0)) / 2


def reject_at_most(share: float, positives: NDArray[np.float64]) -> float:
    """Return the highest threshold at which at most `share` of these scores are below it."""
    rising = np.sort(np.round(positives, 9))
    return max(0.0, float(rising[math.floor(share * len(rising) + 1e-9)]) - 1e-9)


def _answers(probabilities: NDArray[np.float64], background: int | None) -> NDArray[np.float64]:
    """Return the best score of each image, or −1 where the best class is the background."""
    best = probabilities.max(axis=1)
    return best if background is None else np.where(probabilities.argmax(axis=1) == background, -1.0, best)


def probabilities(classifier: Classifier, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Classify images of the model's own size, N×H×W×C: RGB, which travels as BGR, or gray."""
    bgr = np.ascontiguousarray(images[..., ::-1])
    return np.array([classifier.probabilities(image) for image in bgr], np.float64)


def _golden_section(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the place of the only minimum between `low` and `high`, to 1e-6 (Kiefer 1953)."""
    ratio = (math.sqrt(5) - 1) / 2
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    at_a, at_b = function(a), function(b)
    while high - low > 1e-6:
        if at_a < at_b:
            high, b, at_b = b, a, at_a
            a = high - ratio * (high - low)
            at_a = function(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + ratio * (high - low)
            at_b = function(b)
    return (low + high) / 2
