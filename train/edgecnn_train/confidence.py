"""Calibrated scores: the temperature, the expected calibration error, and the threshold of `unknown`.

All are measured through `edgecnn.Classifier`, separately for each variant: the temperature on the
validation split, the threshold on negatives, images of things that the model does not know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.bundle.confidence import smallest, temper
from edgecnn.classify.verdict import Verdict
from edgecnn.evaluation.confidence import accept_at_most, fit_temperature, probabilities, reject_at_most
from edgecnn.evaluation.reliability import Reliability
from edgecnn_train.background import background_of, generated_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from edgecnn.classify.classifier import Classifier
    from edgecnn_train.negatives import Negatives
    from edgecnn_train.recipe import Recipe
    from edgecnn_train.splits import Dataset

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
            false_accept=float(np.mean(Verdict(chosen.threshold, background).known(measuring))),
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
    verdict = Verdict(chosen.threshold, background)
    return replace(
        chosen,
        false_accept=float(np.mean(verdict.known(measuring))),
        false_reject=float(np.mean(~verdict.known(test[truth != _number(background)]))),
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
    verdict = Verdict(background=background)
    answers = verdict.best_scores(known[truth != _number(background)])
    asked = accept_at_most(recipe.unknown.false_accept, verdict.best_scores(choosing))
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
