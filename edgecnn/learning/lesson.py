"""What photos teach: the choices of cross-validation, the head and the prototypes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgecnn.learning.append import Taught
from edgecnn.learning.crossval import answer, answer_strictly, choose, make_folds, teach
from edgecnn.learning.judge import settle_rule
from edgecnn.learning.prototypes import find_prototypes

if TYPE_CHECKING:
    from edgecnn.learning.crossval import Answers, Choice, Fold
    from edgecnn.learning.judge import Rule
    from edgecnn.learning.material import Material
    from edgecnn.learning.request import Request
    from edgecnn.learning.trunk import Trunk


class Lesson(NamedTuple):
    """What was learned, before it is written."""

    trunk: Trunk
    material: Material
    folds: list[Fold]
    choice: Choice
    answers: Answers
    taught: Taught
    rule: Rule


def learn_lesson(trunk: Trunk, material: Material, request: Request) -> Lesson:
    """Learn from embedded photos."""
    photos, classes, seed = material.taught, len(material.labels), request.seed
    request.say(_sizes(material, trunk))
    folds = make_folds(photos, seed)
    choice = choose(photos, classes, folds)
    if material.tested is None:
        answers = answer_strictly(photos, classes, folds, seed)
    else:
        answers = answer(photos, classes, folds, choice, seed)
    head = teach(photos, classes, choice)
    shown = photos.take(material.known)
    logits = head.logits(np.concatenate(list(photos.views.values())))
    taught = Taught(
        head,
        find_prototypes(shown.plain, shown.labels, seed),
        (float(logits.min()), float(logits.max())),
    )
    return Lesson(trunk, material, folds, choice, answers, taught, settle_rule(material, answers, folds))


def _sizes(material: Material, trunk: Trunk) -> str:
    count, test = len(material.taught), material.tested
    tested = f", {len(test):,} to test" if test is not None else ""
    kept = "" if material.computed else ", all embedded before"
    return f"{len(material.labels)} classes, {count:,} photos to learn from{tested}; trunk {trunk.name}{kept}"
