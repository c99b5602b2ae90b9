"""What the speed costs: how well each contestant knows labelled pictures, beside its latency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgecnn.bench.contest import Contestant
    from edgecnn.classify.classifier import Classifier
    from edgecnn.evaluation.result import Evaluation


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Top-1, and on which share of the pictures it names the class that the float variant names.

    Both are 0 to 1; there is no agreement where no float variant takes part.
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
class Knowledge:
    """What was measured on which pictures; `reference` is the float variant that the others agree with.

    `variants` are by the keys of `judged`.
    """

    data: str
    pictures: int
    reference: str | None
    variants: dict[str, Accuracy]

    def of(self, contestant: Contestant) -> Accuracy | None:
        """Return what is known of a contestant."""
        return self.variants.get(_on_its_engine(contestant)) or self.variants.get(contestant.variant)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"name": self.data, "pictures": self.pictures, "agreement_with": self.reference}


def judged(contestants: Sequence[Contestant]) -> dict[str, Classifier]:
    """Return a classifier for each variant on each engine: threads do not change answers.

    The key is the variant's name, with its engine (`int8 on litert`) where there are several.
    """
    several = len({c.engine for c in contestants}) > 1
    found: dict[str, Classifier] = {}
    for c in contestants:
        found.setdefault(_on_its_engine(c) if several else c.variant, c.classifier)
    return found


def _on_its_engine(contestant: Contestant) -> str:
    return f"{contestant.variant} on {contestant.engine}"


def knowledge(evaluation: Evaluation, classifiers: Mapping[str, Classifier]) -> Knowledge:
    """Return what an evaluation of these classifiers says of each."""
    reference = next((name for name, c in classifiers.items() if _is_float(c)), None)
    return Knowledge(
        evaluation.data,
        evaluation.pictures,
        reference,
        {
            name: Accuracy(score.top1, evaluation.agreement_of(name, reference) if reference else None)
            for name, score in evaluation.variants.items()
        },
    )


def _is_float(classifier: Classifier) -> bool:
    """Whether nothing of a model is rounded: its numbers are float32, its shapes and axes integers."""
    return {t.dtype for t in classifier.model.file.tensors} <= {"float32", "int32", "int64", "bool"}
