"""The result of an evaluation, and its JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.evaluation.corruption import CAPTURE, SCENES, STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class: shares from 0 to 1, None where the denominator is 0."""

    pictures: int
    recall: float | None
    precision: float | None


@dataclass(frozen=True, slots=True)
class VariantScore:
    """One variant of the model on the clean images.

    `confusion` counts, int64 classes×classes: true classes in rows, predicted ones in columns.
    """

    top1: float
    classes: dict[str, ClassScore]
    confusion: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of an evaluation. Shares are 0 to 1.

    `agreement` is the share of images with the same best class in all variants; None for one variant.
    `corrupted` is the top-1 by corruption and variant, one value for each strength. `skipped` has the reason
    for each image that could not be read. `named` has the predicted class indices of each variant, int64
    (images,). `left_out` counts the files of unsupported kinds, such as HEIC.
    """

    model: str
    data: str
    pictures: int
    skipped: tuple[str, ...]
    labels: tuple[str, ...]
    variants: dict[str, VariantScore]
    agreement: float | None
    corrupted: dict[str, dict[str, tuple[float, ...]]]
    named: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    left_out: int = 0

    def agreement_of(self, one: str, other: str) -> float:
        """Return the share of images with the same best class in two variants."""
        return float(np.mean(self.named[one] == self.named[other]))

    def mean_under(self, variant: str) -> float | None:
        """Return the mean top-1 over the 15 standard corruptions and all strengths, where all of them ran."""
        if not STANDARD.keys() <= self.corrupted.keys():
            return None
        return float(np.mean([self.corrupted[name][variant] for name in STANDARD]))

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON; docs/evaluate.md describes the keys."""
        return {
            "model": self.model,
            "data": self.data,
            "pictures": self.pictures,
            "skipped": len(self.skipped) + self.left_out,
            "labels": list(self.labels),
            "variants": {name: _variant_dict(score) for name, score in self.variants.items()},
            "agreement": _rounded(self.agreement),
            "corruptions": {
                "mean": {name: _rounded(self.mean_under(name)) for name in self.variants},
                "standard": _family_dict(self.corrupted, STANDARD),
                "extra": _family_dict(self.corrupted, [*CAPTURE, *SCENES]),
            }
            if self.corrupted
            else None,
        }


def score(truth: NDArray[np.int64], named: NDArray[np.int64], labels: tuple[str, ...]) -> VariantScore:
    """Score predicted against true class indices, both int64 (images,)."""
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (truth, named), 1)
    return VariantScore(float(np.mean(truth == named)), class_scores(confusion, labels), confusion)


def class_scores(confusion: NDArray[np.int64], labels: tuple[str, ...]) -> dict[str, ClassScore]:
    """Return each class's recall and precision; `confusion` is int64 classes×classes, true in rows."""
    there, called, right = confusion.sum(1).tolist(), confusion.sum(0).tolist(), np.diag(confusion).tolist()
    classes: dict[str, ClassScore] = {}
    for i, label in enumerate(labels):
        # Some models have the same label for two outputs; the first one counts.
        classes.setdefault(
            label,
            ClassScore(
                pictures=there[i],
                recall=right[i] / there[i] if there[i] else None,
                precision=right[i] / called[i] if called[i] else None,
            ),
        )
    return classes


def _variant_dict(score: VariantScore) -> dict[str, Any]:
    return {
        "top1": _rounded(score.top1),
        "classes": {
            label: {"recall": _rounded(c.recall), "precision": _rounded(c.precision), "pictures": c.pictures}
            for label, c in score.classes.items()
        },
        "confusion": score.confusion.tolist(),
    }


def _family_dict(
    corrupted: dict[str, dict[str, tuple[float, ...]]], family: Iterable[str]
) -> dict[str, dict[str, list[float]]]:
    return {
        name: {variant: [round(v, 6) for v in shares] for variant, shares in corrupted[name].items()}
        for name in family
        if name in corrupted
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)
