"""What photos teach: the head and the rule of unknown."""

import numpy as np

from edgecnn.dataset import Item
from edgecnn.learning.crossval import Choice
from edgecnn.learning.judge import Rule
from edgecnn.learning.photos import Photos
from edgecnn.learning.views import PLAIN
from edgecnn.teaching.knowledge import know

VALUES = 16


def embedding(rng: np.random.Generator, axis: int) -> np.ndarray:
    """Return an embedding near an axis, float32 (16,)."""
    return (np.eye(VALUES)[axis] + rng.normal(0, 0.03, VALUES)).astype(np.float32)


def test_a_photo_of_another_thing_that_was_added_to_a_class_is_not_unknown():
    """As after a correction: the mean of it and a usual photo is somewhat near both, not near a new frame."""
    rng = np.random.default_rng(0)
    rows = np.stack([embedding(rng, axis) for axis in (0, 1) for _ in range(20)] + [embedding(rng, 2)])
    labels = np.array([0] * 20 + [1] * 20 + [0])
    items = tuple(Item(f"{k}.jpg", int(label), None, None) for k, label in enumerate(labels))
    known = know(
        Photos(items, labels, {PLAIN: rows}), ("cup", "ball"), Choice(0.1, (PLAIN,)), Rule(1.0, 0.65), 0
    )
    assert known.level == "head"
    assert known.nearness(embedding(rng, 2)) > 0.9
    assert known.scores(embedding(rng, 2)).argmax() == 0
    assert known.nearness(embedding(rng, 3)) < 0.65
    # Of usual photos, none is a prototype of its own.
    assert len(known.prototypes) <= 2 * 10 + 1
