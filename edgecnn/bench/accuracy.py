"""The accuracy of each candidate on labelled images, to show next to its latency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgecnn.bench.interleaved import Candidate
    from edgecnn.classify.classifier import Classifier
    from edgecnn.evaluation.result import Evaluation


@dataclass(frozen=True, slots=True)
class VariantAccuracy:
    """Top-1, and the share of images with the same best class as the float variant.

    Both are 0 to 1; agreement is None without a float variant.
    """

    top1: float
    agreement: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "top1": round(self.top1, 6),
            "agreement": None if self.agreement is None else round(self.agreement, 6),
        }


@dataclass(frozen=True, slots=True)
class Accuracies:
    """The accuracies on some data; `reference` is the float variant that agreement refers to.

    `variants` has the keys of `classifiers_by_variant`.
    """

    data: str
    pictures: int
    reference: str | None
    variants: dict[str, VariantAccuracy]

    def of(self, candidate: Candidate) -> VariantAccuracy | None:
        """Return a candidate's accuracy."""
        return self.variants.get(_on_its_engine(candidate)) or self.variants.get(candidate.variant)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"name": self.data, "pictures": self.pictures, "agreement_with": self.reference}


def classifiers_by_variant(candidates: Sequence[Candidate]) -> dict[str, Classifier]:
    """Return a classifier for each variant on each engine: threads do not change answers.

    The key is the variant's name, with its engine (`int8 on litert`) where there are several.
    """
    several = len({c.engine for c in candidates}) > 1
    found: dict[str, Classifier] = {}
    for c in candidates:
        found.setdefault(_on_its_engine(c) if several else c.variant, c.classifier)
    return found


def _on_its_engine(candidate: Candidate) -> str:
    return f"{candidate.variant} on {candidate.engine}"


def accuracies_of(evaluation: Evaluation, classifiers: Mapping[str, Classifier]) -> Accuracies:
    """Return the accuracies from an evaluation of these classifiers."""
    reference = next((name for name, c in classifiers.items() if _is_float(c)), None)
    return Accuracies(
        evaluation.data,
        evaluation.pictures,
        reference,
        {
            name: VariantAccuracy(score.top1, evaluation.agreement_of(name, reference) if reference else None)
            for name, score in evaluation.variants.items()
        },
    )


def _is_float(classifier: Classifier) -> bool:
    """Whether no tensor of a model is quantized: numbers are float32, shapes and axes integers."""
    return {t.dtype for t in classifier.model.file.tensors} <= {"float32", "int32", "int64", "bool"}
