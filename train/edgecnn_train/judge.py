"""Judge a network by images that it was not trained on: a test split, or all folds together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.bundle.confidence import Confidence
from edgecnn.classify.classifier import Classifier
from edgecnn.engine import open_engine
from edgecnn.evaluation.confidence import probabilities
from edgecnn.evaluation.verified import together
from edgecnn.report.offenders import worst_first, worst_offenders
from edgecnn_train.confidence import calibrate, published
from edgecnn_train.verify import on_synthetic, verify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from edgecnn.evaluation.verified import Verified
    from edgecnn.report.offenders import Offender
    from edgecnn_train.confidence import Calibrated
    from edgecnn_train.fit import Fitted
    from edgecnn_train.negatives import Negatives
    from edgecnn_train.recipe import Recipe
    from edgecnn_train.splits import Dataset


@dataclass(frozen=True, slots=True)
class Judged:
    """The results of a network, or of those of all folds, on images that decided nothing about it.

    `own` are the probabilities of each variant on these images before any temperature, N×classes, and `truth`
    the true classes; `offenders` are the wrong answers with the highest scores. `folds` are the results that
    this combines.
    """

    fitted: Fitted
    result: Verified
    calibrated: Calibrated
    offenders: tuple[Offender, ...]
    own: Mapping[str, NDArray[np.float64]]
    truth: NDArray[np.int64]
    folds: tuple[Judged, ...] = ()


def judge(
    data: Dataset,
    recipe: Recipe,
    negatives: Negatives,
    variants: dict[str, Classifier],
    fitted: Fitted,
) -> Judged:
    """Judge one network on its test split; `variants` are its files, without a temperature."""
    result = verify(data, variants, recipe.verify.synthetic_frames)
    calibrated = calibrate(data, recipe, negatives, variants)
    chosen = calibrated.variants["int8"]
    none = calibrated.background
    background = None if none is None else data.labels.index(none)
    confidence = Confidence(chosen.temperature, chosen.threshold, background)
    model = variants["int8"].model._replace(confidence=confidence)
    with Classifier(model, open_engine("auto", model)) as int8:
        wrong = [data.test.items[place] for place in result.wrong]
        offenders = worst_offenders(data.source, wrong, int8)
    return Judged(
        fitted,
        result,
        calibrated,
        offenders,
        {name: probabilities(c, data.test.images) for name, c in variants.items()},
        data.test.labels,
    )


def judge_by_folds(
    folds: Sequence[Judged],
    data: Dataset,
    recipe: Recipe,
    negatives: Negatives,
    variants: dict[str, Classifier],
    fitted: Fitted,
) -> Judged:
    """Judge a network that has learned from all images by what the folds' networks did.

    Every result is of networks that had not seen the images it is measured on, each with the
    temperature and threshold that its own validation images chose. Those that are published were chosen on
    the answers of all folds, and nothing is measured with them but the negatives that pass.
    """
    result = together([fold.result for fold in folds])
    int8 = variants["int8"]
    result = replace(
        result,
        float_tensors=int8.model.file.float_tensors,
        synthetic=on_synthetic(int8, recipe.verify.synthetic_frames),
    )
    own = {name: np.concatenate([fold.own[name] for fold in folds]) for name in variants}
    truth = np.concatenate([fold.truth for fold in folds])
    calibrated = published(data, recipe, negatives, variants, [fold.calibrated for fold in folds], own, truth)
    offenders = worst_first(o for fold in folds for o in fold.offenders)
    return Judged(fitted, result, calibrated, offenders, own, truth, tuple(folds))


def same_answers(data: Dataset, variants: Mapping[str, Classifier]) -> float:
    """Return the share of all training images to which int8 and float32 give the same answer."""
    named = [probabilities(variants[name], data.train.images).argmax(axis=1) for name in ("int8", "float32")]
    return float(np.mean(named[0] == named[1]))
