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
    """As after a correction: the mean of it and usual photos is somewhat near both, not near a new frame."""
    rng = np.random.default_rng(0)
    axes = [0] * 3 + [1] * 20 + [2]
    rows = np.stack([embedding(rng, axis) for axis in axes])
    labels = np.array([axis % 2 for axis in axes])
    items = tuple(Item(f"{k}.jpg", int(label), None, None) for k, label in enumerate(labels))
    photos = Photos(items, labels, {PLAIN: rows})
    for least in (0.25, 0.8):
        known = know(photos, ("cup", "ball"), Choice(0.1, (PLAIN,)), Rule(1.0, least), 0)
        assert known.level == "head"
        assert known.nearness(embedding(rng, 2)) > 0.9
        assert known.scores(embedding(rng, 2)).argmax() == 0
        assert known.nearness(embedding(rng, 3)) < least
        # Of the twenty usual photos, none is a prototype of its own.
        assert len(known.prototypes) <= 10 + 1 + 4
