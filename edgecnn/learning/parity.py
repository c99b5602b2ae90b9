"""Compares int8 with float32 on photos that the head was not taught, where no test split is at hand."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.learning.embedder import Embedder
from edgecnn.learning.photos import Reader

if TYPE_CHECKING:
    from edgecnn.dataset import Item
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
    photos = material.taught
    # The same ones when photos are added: their embeddings are kept.
    order = sorted(np.flatnonzero(material.known).tolist(), key=lambda k: _digest(photos.items[k]))[:COMPARED]
    fold_of = np.empty(len(photos), np.int64)
    for k, fold in enumerate(lesson.folds):
        fold_of[fold.tested] = k
    twin = trunk._replace(files={"float32": trunk.files["float32"]})
    with Embedder(twin, threads=threads) as embedder:
        found = Reader(twin, embedder).read(material.source, [photos.items[k] for k in order])
    # A photo may have been moved away since it was embedded in int8.
    places = {photos.items[k]: k for k in order}
    best = answers.logits.argmax(axis=1)
    same = [
        answers.heads[fold_of[k]].logits(row).argmax() == best[k]
        for k, row in zip((places[item] for item in found.items), found.plain, strict=True)
    ]
    return float(np.mean(same)) if same else None


def _digest(item: Item) -> bytes:
    return hashlib.sha256(item.id.encode("utf-8", "surrogateescape")).digest()
