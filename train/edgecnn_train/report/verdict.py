"""The results in words: how accurate, which classes are weak and why, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.evaluation.interval import wilson
from edgecnn.evaluation.verified import GUESSING
from edgecnn_train.confidence import reject_fewer
from edgecnn_train.report.tables import recalls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.evaluation.verified import Verified
    from edgecnn_train.record import TrainedModel

# Classes with a lower recall are listed, the weakest first, at most so many.
_WEAK = 0.9
_MOST_NAMED = 3
# Shares of negatives that are classified: for a headline; for a line.
_USELESS = 0.5
_LEAKY = 0.15
_MANY_REJECTED = 0.15


def headlines(model: TrainedModel, result: Verified) -> tuple[str, ...]:
    """Return warnings for users of the model, usually none."""
    found, classes = [], len(model.manifest.labels)
    if result.int8_top1 <= GUESSING / classes:
        found.append(
            f"With {classes} classes this is hardly better than guessing: bring more images, "
            "or train for more epochs (`--epochs`)."
        )
    passing = model.record.confidence.variants["int8"].false_accept
    if passing > _USELESS:
        found.append(
            f"`unknown` does not work: {passing:.0%} of images of other things get a class. {_advice(model)}"
        )
    return tuple(found)


def verdict(model: TrainedModel, result: Verified) -> tuple[str, ...]:
    """Return the sentences that a report begins with."""
    right = round(result.int8_top1 * result.pictures)
    low, high = wilson(result.int8_top1, result.pictures), 1 - wilson(1 - result.int8_top1, result.pictures)
    lines = [
        f"It classifies {right:,} of {result.pictures:,} images correctly ({result.int8_top1:.1%}); expect "
        f"{low:.0%} to {high:.0%} of new images like these (95 % interval).",
        *weak_classes(model, result),
    ]
    variant = model.record.confidence.variants["int8"]
    if _LEAKY < variant.false_accept <= _USELESS:
        lines.append(f"{variant.false_accept:.0%} of images of other things get a class. {_advice(model)}")
    if variant.false_reject > _MANY_REJECTED:
        lines.append(
            f"{variant.false_reject:.0%} of images of its classes are called unknown: "
            f"{reject_fewer(capped=variant.capped)}."
        )
    return tuple(lines)


def _advice(model: TrainedModel) -> str:
    """Return advice for when too many other things are classified."""
    background = model.record.confidence.unknown.background
    first = (
        "with `--set unknown.background_class=true`"
        if background is None
        else f"with more and other images of `{background}`"
    )
    return (
        f"Train for more epochs (`--epochs`), with more images, {first}, or with images of other things "
        "that it will see (`--set unknown.negatives=FOLDER`). Do not rely on its answers where none of its "
        "classes may be present."
    )


def weak_classes(model: TrainedModel, result: Verified) -> tuple[str, ...]:
    """Return a sentence for each of the weakest classes: how often it is found, and what it is taken for."""
    labels, confusion = model.manifest.labels, result.confusion
    weak = sorted((r, label) for label, r in recalls(model, result).items() if r < _WEAK)
    if not weak:
        return (f"Each class is recognized at least {_WEAK * 10:.0f} times in 10.",)
    lines = []
    for _, label in weak[:_MOST_NAMED]:
        row = confusion[labels.index(label)]
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
