"""The results in words: how accurate, which classes are weak and why, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.evaluation.verified import GUESSING
from edgecnn.report.sentences import expected_accuracy, weak_classes
from edgecnn_train.confidence import reject_fewer

if TYPE_CHECKING:
    from edgecnn.evaluation.verified import Verified
    from edgecnn_train.record import TrainedModel

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
    lines = [expected_accuracy(result), *weak_classes(result, model.manifest.labels)]
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
