"""Compares int8 with float32 on photos that the head was not taught, where no test split is at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn.learning.embedder import Embedder

if TYPE_CHECKING:
    from edgecnn.learning.lesson import Lesson

# Photos that are embedded in float32 too.
COMPARED = 100


def agreement_by_folds(lesson: Lesson, threads: int) -> float | None:
    """Return the share of photos that int8 and float32 classify the same; None for a trunk with one of them.

    Each of at most 100 photos is classified by the head of its fold, which had not seen it, from both of its
    embeddings.
    """
    trunk, material, answers = lesson.trunk, lesson.material, lesson.answers
    if not {"float32"} < set(trunk.files):
        return None
    places = np.random.default_rng(0).permutation(np.flatnonzero(material.known))[:COMPARED]
    fold_of = np.empty(len(material.taught), np.int64)
    for k, fold in enumerate(lesson.folds):
        fold_of[fold.tested] = k
    twin = trunk._replace(files={"float32": trunk.files["float32"]})
    same = 0
    with Embedder(twin, threads=threads) as embedder:
        for place in places:
            image = material.source.read(material.taught.items[place], embedder.least_side)
            logits = answers.heads[fold_of[place]].logits(embedder.real(embedder(image))[None])
            same += int(logits.argmax() == answers.logits[place].argmax())
    return same / len(places)
