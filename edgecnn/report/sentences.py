"""The results in words: how accurate, which classes are weak and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.evaluation.interval import wilson
from edgecnn.evaluation.result import class_scores
from edgecnn.evaluation.verified import lost

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn.evaluation.verified import Verified

# Classes with a lower recall are listed, the weakest first, at most so many.
_WEAK = 0.9
_MOST_NAMED = 3


def expected_accuracy(result: Verified) -> str:
    """Return a sentence with the accuracy on the test images, and what to expect of new ones."""
    right = round(result.int8_top1 * result.pictures)
    low, high = wilson(result.int8_top1, result.pictures), 1 - wilson(1 - result.int8_top1, result.pictures)
    return (
        f"It classifies {right:,} of {result.pictures:,} images correctly ({result.int8_top1:.1%}); expect "
        f"{low:.0%} to {high:.0%} of new images like these (95 % interval)."
    )


def model_facts(result: Verified, spec: InputSpec, labels: Sequence[str]) -> tuple[str, ...]:
    """Return sentences on how int8 compares with float, on the input and on the classes."""
    return (
        f"The two agree on {result.agreement:.2%} of the test images; int8 {lost(result)}.",
        f"Tensors of the int8 model that are float: {len(result.float_tensors)}.",
        f"Input: {spec.width}×{spec.height} {spec.color}, {spec.fit}.",
        f"Classes: {', '.join(labels)}.",
    )


def weak_classes(result: Verified, labels: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence for each of the weakest classes: how often it is found, and what it is taken for."""
    scores = class_scores(result.confusion, tuple(labels))
    recalls = {label: s.recall for label, s in scores.items() if s.recall is not None}
    weak = sorted((recall, label) for label, recall in recalls.items() if recall < _WEAK)
    if not weak:
        return (f"Each class is recognized at least {_WEAK * 10:.0f} times in 10.",)
    lines = []
    for _, label in weak[:_MOST_NAMED]:
        row = result.confusion[labels.index(label)]
        lines.append(
            f"{label} is recognized in {row[labels.index(label)]:,} of {row.sum():,} images, "
            f"{_taken_for(label, row, labels)}: add photos of {label}."
        )
    if (more := len(weak) - _MOST_NAMED) > 0:
        lines.append(f"{more} more of its classes are recognized less than {_WEAK * 10:.0f} times in 10.")
    return tuple(lines)


def _taken_for(label: str, row: np.ndarray[Any, np.dtype[np.int64]], labels: Sequence[str]) -> str:
    wrong = row.copy()
    wrong[labels.index(label)] = 0
    order = np.argsort(-wrong, kind="stable")
    first, second = order[0], order[min(1, len(order) - 1)]
    if wrong[first] == wrong.sum():
        return f"otherwise taken for {labels[first]}"
    if wrong[first] > wrong.sum() / 2:
        return f"mostly taken for {labels[first]}"
    return f"taken for {labels[first]} and {labels[second]}"
