"""The results of learning in words, for the terminal, the card and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.evaluation.verified import GUESSING
from edgecnn.io.printable import printable
from edgecnn.learning.curve import enough
from edgecnn.learning.judge import REJECTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgecnn.learning.curve import Point
    from edgecnn.learning.judge import Judgment
    from edgecnn.learning.lesson import Lesson
    from edgecnn.learning.suspects import Suspects

# Classes that are found less often are named, at most so many.
_WEAK, _MOST_NAMED = 0.9, 3
# Shares of rejected photos and accepted other things that deserve a warning.
_MANY_REJECTED, _MANY_ACCEPTED = 0.15, 0.2
# Photos to look at again that a terminal names; the page shows all.
_SHOWN = 5
# Of fewer test photos, the accuracy is hardly known.
_FEW = 20


def headlines(judged: Judgment, curve: Sequence[Point]) -> tuple[str, ...]:
    """Return warnings for users of the model, usually none."""
    found, classes = [], len(judged.confusion)
    if judged.top1 <= GUESSING / classes:
        found.append(
            f"With {classes} classes this is hardly better than guessing: bring other or more "
            "photos, or take another trunk (--trunk)."
        )
    if judged.photos < _FEW:
        found.append(
            f"Only {judged.photos} photos measured it: the accuracy may be anywhere from "
            f"{judged.interval[0]:.0%} to {judged.interval[1]:.0%}. Bring 20 of each class."
        )
    if judged.familiar:
        found.append(
            f"{judged.familiar:,} of the {judged.photos:,} photos that measured it are nearly the same as "
            "photos that taught it, or in a group with them: of other photos, fewer may be right."
        )
    if judged.accepted is not None and judged.accepted > _MANY_ACCEPTED:
        found.append(f"{judged.accepted:.0%} of the photos of other things get a class: bring more of these.")
    if curve and judged.rejected > _MANY_REJECTED:
        found.append(
            f"{judged.rejected:.0%} of the photos of its classes are called unknown: bring more photos."
        )
    return tuple(found)


def in_short(judged: Judgment, curve: Sequence[Point], labels: Sequence[str]) -> tuple[str, ...]:
    """Return the sentences that a report begins with."""
    right, (low, high) = int(judged.confusion.trace()), judged.interval
    which = "photos, each by a head that had not seen it," if judged.folds else "test photos"
    wrong = 1 - judged.rejected - judged.right_in_use
    return (
        f"It classifies {right:,} of {judged.photos:,} {which} correctly ({judged.top1:.1%}); expect "
        f"{low:.0%} to {high:.0%} of new photos like these (95 % interval).",
        f"With `unknown`, {judged.right_in_use:.1%} get the right answer, {wrong:.1%} a wrong one and "
        f"{judged.rejected:.1%} none.",
        enough(curve),
        *weak_classes(judged, labels),
    )


def weak_classes(judged: Judgment, labels: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence for each of the weakest classes: how often it is found, and what it is taken for."""
    found = []
    for k, label in enumerate(labels):
        row = judged.confusion[k]
        if row.sum() and (recall := row[k] / row.sum()) < _WEAK:
            wrong = row.copy()
            wrong[k] = 0
            found.append((float(recall), label, int(row[k]), int(row.sum()), labels[int(wrong.argmax())]))
    if not found:
        return (f"Each class is recognized at least {_WEAK * 10:.0f} times in 10.",)
    lines = [
        f"{label} is recognized in {right:,} of {count:,} photos, mostly taken for {other}: add photos of "
        f"{label}."
        for _, label, right, count, other in sorted(found)[:_MOST_NAMED]
    ]
    if (more := len(found) - _MOST_NAMED) > 0:
        lines.append(f"{more} more classes are recognized less than {_WEAK * 10:.0f} times in 10.")
    return tuple(lines)


def unknown_sentences(lesson: Lesson, judged: Judgment) -> tuple[str, ...]:
    """Return what the model calls unknown."""
    lines = [
        "The answer is `unknown` where an image is less near to the taught photos than "
        f"{lesson.rule.nearness:.3f} (cosine of embeddings). The threshold was chosen by cross-validation, "
        f"to reject {REJECTED:.0%} of the photos of the classes; it rejects {judged.rejected:.1%} of those "
        "that measured it.",
    ]
    if lesson.material.background is not None:
        label = lesson.material.labels[lesson.material.background]
        lines.append(f"It is also `unknown` where the best class is `{label}`.")
    if judged.accepted is not None:
        lines.append(
            f"Of {judged.other_things:,} photos of other things, {judged.accepted:.1%} get a class all the "
            "same."
        )
    elif lesson.material.background is None:
        lines.append(
            "How many photos of other things get a class was not measured: give some with --negatives FOLDER."
        )
    return tuple(lines)


def results(lesson: Lesson, judged: Judgment, curve: Sequence[Point], suspects: Suspects) -> Iterator[str]:
    """Yield the lines that a terminal shows."""
    items, labels = lesson.material.taught.items, lesson.material.labels
    yield from headlines(judged, curve)
    yield from in_short(judged, curve, labels)
    points = "; ".join(f"{p.photos:,}: {p.accuracy:.1%} ({p.low:.0%}–{p.high:.0%})" for p in curve)
    yield f"right by photos a class: {points}"
    if judged.accepted is not None:
        yield f"{1 - judged.accepted:.1%} of {judged.other_things:,} photos of other things are unknown"
    wrong, doubled = suspects
    for suspect in wrong[:_SHOWN]:
        photo, other = printable(items[suspect.place].id), labels[suspect.looks_like]
        yield f"mislabelled? {photo} looks like {other} ({suspect.score:.0%})"
    for pair in doubled[:_SHOWN]:
        one, other = (printable(items[k].id) for k in pair[:2])
        yield f"nearly the same: {one} and {other}"
    if (more := len(wrong[_SHOWN:]) + len(doubled[_SHOWN:])) > 0:
        yield f"{more:,} more photos to look at again are on the report"
