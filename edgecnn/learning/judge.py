"""How good a learned model is, measured on photos that it was not taught."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgecnn.bundle.confidence import temper
from edgecnn.classify.verdict import Verdict
from edgecnn.evaluation.confidence import fit_temperature
from edgecnn.evaluation.interval import wilson
from edgecnn.evaluation.reliability import Reliability
from edgecnn.evaluation.verified import GateAdvice, Verified, compare_answers, gate
from edgecnn.learning.alike import familiar, grouped
from edgecnn.learning.crossval import softmax
from edgecnn.learning.prototypes import nearness_threshold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from edgecnn.classify.classifier import Classifier
    from edgecnn.dataset import Item
    from edgecnn.learning.crossval import Answers, Fold
    from edgecnn.learning.material import Material
    from edgecnn.learning.photos import Photos
    from edgecnn.learning.request import Request

# The share of photos of the taught classes that may be called unknown.
REJECTED = 0.05
# Smaller probabilities count as this one when the temperature is fitted; half a step of int8's softmax.
FLOOR = 1 / 512
_ADVICE = GateAdvice(
    guessing="add photos, or take another trunk with --trunk",
    few="add photos",
    drop="add photos, or take another trunk with --trunk",
    agreement="add photos, take another trunk with --trunk, or accept it with --allow-drop POINTS",
)
# By how much the photos of new scenes are less near than those of familiar ones, at least.
# In steps of int8's nearness.
_UNFAMILIAR, _MOSTLY = 13 / 128, 0.5
# The least share of photos to which int8 and float32 give the same answer, unless more may be lost.
_AGREEMENT = 0.8


class Rule(NamedTuple):
    """What turns outputs into answers: the temperature of scores, and the least nearness of an answer."""

    temperature: float
    nearness: float


class Wrong(NamedTuple):
    """A photo that was classified wrongly, as what, and with which score."""

    item: Item
    named: int
    score: float


class Judgment(NamedTuple):
    """What was measured on photos that were not taught. Shares are 0 to 1.

    Attributes
    ----------
    folds
        How many folds measured it; 0 for the official test split.
    confusion
        int64 (classes, classes): a row for each true class, a column for each predicted one.
    float_top1, agreement
        The accuracy of float32, and the share of photos to which both variants give the same answer; None
        where that was not measured.
    rejected
        The share of photos of the classes that are called unknown.
    accepted
        The share of photos of other things that get a class; None without any.
    calibration_error
        The expected calibration error of the scores.
    wrong
        The highest score first.
    units
        How many independent photos these are: near duplicates, and a group of the data, count as one.
    right_in_use
        The share of photos of the classes that are classified correctly, and not called unknown.
    other_things
        How many photos of other things were measured.
    familiar
        How many photos were measured although near duplicates of them, or photos of their group, were taught.
    """

    folds: int
    confusion: NDArray[np.int64]
    float_top1: float | None
    agreement: float | None
    rejected: float
    accepted: float | None
    calibration_error: float
    wrong: tuple[Wrong, ...]
    familiar: int = 0
    units: int | None = None
    right_in_use: float = 0.0
    other_things: int = 0

    @property
    def photos(self) -> int:
        """How many photos were classified."""
        return int(self.confusion.sum())

    @property
    def top1(self) -> float:
        """The accuracy of int8."""
        return float(self.confusion.trace() / max(1, self.confusion.sum()))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the accuracy."""
        count = self.photos if self.units is None else self.units
        return wilson(self.top1, count), 1 - wilson(1 - self.top1, count)


def settle_rule(material: Material, answers: Answers, folds: Sequence[Fold]) -> Rule:
    """Choose temperature and nearness from the answers of cross-validation."""
    labels, known = material.taught.labels[answers.places], material.known[answers.places]
    temperature = fit_temperature(softmax(answers.logits), labels, FLOOR)
    nearness = nearness_threshold(answers.nearness[known], REJECTED)
    slack = _slack(_familiar_by_folds(material.taught, folds))
    return Rule(temperature, max(-1.0, nearness - slack))


def _familiar_by_folds(photos: Photos, folds: Sequence[Fold]) -> NDArray[np.bool_]:
    """Return which photos are tested although near duplicates, or photos of their group, are taught."""
    seen = np.zeros(len(photos), bool)
    for fold in folds:
        seen[fold.tested] = familiar(photos.take(fold.taught), photos.take(fold.tested), photos.plain)
    return seen


def _slack(seen: NDArray[np.bool_]) -> float:
    """Return by how much a threshold of nearness is lowered: most photos that chose it were familiar ones.

    So it is where there is only one scene of a class, which folds have to divide.
    """
    return _UNFAMILIAR if seen.mean() > _MOSTLY else 0.0


def judge_by_folds(
    material: Material, answers: Answers, folds: Sequence[Fold], agreement: float | None
) -> Judgment:
    """Judge by the answers of cross-validation.

    Each fold is measured with the temperature and the threshold that the other folds choose. `agreement` is
    that of int8 and float32, if it was measured.
    """
    photos, known = material.taught, material.known
    labels, seen = photos.labels, _familiar_by_folds(photos, folds)
    slack = _slack(seen)
    scores, near = softmax(answers.logits), answers.nearness
    tempered, accepted = np.empty_like(scores), np.zeros(len(labels), bool)
    for fold in folds:
        rest = np.setdiff1d(np.arange(len(labels)), fold.tested)
        temperature = fit_temperature(scores[rest], labels[rest], FLOOR)
        tempered[fold.tested] = temper(scores[fold.tested], temperature, FLOOR)
        threshold = nearness_threshold(near[rest][known[rest]], REJECTED) - slack
        verdict = Verdict(0.0, material.background, (), threshold)
        accepted[fold.tested] = verdict.known(tempered[fold.tested], near[fold.tested])
    judged = _judged(material, photos.items, labels, tempered, accepted, len(folds), agreement)
    return judged._replace(familiar=int(seen[known].sum()), units=_units(photos, known))


def judge_by_test(material: Material, variants: Mapping[str, Classifier]) -> tuple[Judgment, Verified | None]:
    """Judge by the official test split, read again and classified as every image is.

    Photos of other things, which no test split has, are not measured.
    """
    assert material.tested is not None  # noqa: S101 - the caller asks for it
    int8 = variants.get("int8") or variants["float32"]
    items, labels = material.tested.items, material.tested.labels
    named: dict[str, list[int]] = {name: [] for name in variants}
    scores, accepted = np.zeros((len(items), len(material.labels))), np.zeros(len(items), bool)
    for row, item in enumerate(items):
        image = material.source.read(item, int8.least_side)
        for name, classifier in variants.items():
            predictions = classifier.classify(image)
            named[name].append(predictions[0].index)
            if classifier is int8:
                accepted[row] = classifier.knows(predictions)
                for prediction in predictions:
                    scores[row, prediction.index] = prediction.score
    verified = None
    if len(variants) > 1:
        answers = {name: np.array(indices, np.int64) for name, indices in named.items()}
        verified = compare_answers(labels, answers, material.labels, int8.model.file.float_tensors)
    judged = _judged(material, items, labels, scores, accepted, 0, None)
    known = labels != (-1 if material.background is None else material.background)
    seen = familiar(material.taught, material.tested)
    judged = judged._replace(familiar=int(seen[known].sum()), units=_units(material.tested, known))
    if verified is None:
        return judged, None
    return judged._replace(float_top1=verified.float_top1, agreement=verified.agreement), verified


def _units(photos: Photos, known: NDArray[np.bool_]) -> int:
    """Return how many groups of near duplicates, and of the data, some photos are."""
    groups = [item.group for item in grouped(photos)]
    return len({group for group, counts in zip(groups, known, strict=True) if counts})


def require_parity(
    judged: Judgment, verified: Verified | None, request: Request, variants: Mapping[str, Classifier]
) -> None:
    """Raise GateError where int8 loses more than is allowed, and than chance explains.

    Chance are two standard errors of the difference of both on the same photos: a test of few photos would
    refuse a good model otherwise. Without a float twin there is nothing to compare.
    """
    if len(variants) < 2:
        return
    if verified is None:
        verified = Verified(
            judged.photos,
            judged.top1,
            judged.top1,
            1.0 if judged.agreement is None else judged.agreement,
            variants["int8"].model.file.float_tensors,
            judged.confusion,
            None,
        )
    differing = (1 - verified.agreement) * verified.pictures
    by_chance = 200 * differing**0.5 / max(1, verified.pictures)
    least = min(_AGREEMENT, 1 - request.allowed_drop / 100)
    gate(verified, _ADVICE, max(request.allowed_drop, by_chance), least)


def _judged(
    material: Material,
    items: Sequence[Item],
    labels: NDArray[np.int64],
    scores: NDArray[np.float64],
    accepted: NDArray[np.bool_],
    folds: int,
    agreement: float | None,
) -> Judgment:
    background = -1 if material.background is None else material.background
    known, best = labels != background, scores.argmax(axis=1)
    classes = len(material.labels)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels[known], best[known]), 1)
    wrong = [
        Wrong(items[int(k)], int(best[k]), float(scores[k].max()))
        for k in np.flatnonzero(known & (best != labels))
    ]
    answered = accepted & known
    return Judgment(
        folds,
        confusion,
        None,
        agreement,
        float(np.mean(~accepted[known])),
        float(np.mean(accepted[~known])) if (~known).any() else None,
        Reliability.of(scores[known], labels[known]).error,
        tuple(sorted(wrong, key=lambda w: -w.score)),
        right_in_use=float((answered & (best == labels)).sum() / max(1, known.sum())),
        other_things=int((~known).sum()),
    )
