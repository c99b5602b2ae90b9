"""Divides labelled images into folds: each image is in the test of one, with all others of its group."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.dataset.items import Item


def fold_items(items: Sequence[Item], count: int, seed: int) -> list[tuple[Item, ...]]:
    """Return `count` times these items, each time with another part of them as the test.

    Classes are spread evenly over the folds, at random; the images of a group stay in one fold.
    """
    rng = np.random.default_rng([seed, 300])
    classes = max(i.label for i in items) + 1
    fold_of = np.zeros(len(items), np.int64)
    filled = np.zeros((count, classes), np.int64)
    units: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        units.setdefault(_unit(item), []).append(place)
    for name in rng.permutation(sorted(units)):
        labels = np.bincount([items[p].label for p in units[name]], minlength=classes)
        # Where its classes are fewest; of equal folds the emptiest.
        fold = min(range(count), key=lambda f: (int(filled[f] @ labels), int(filled[f].sum()), f))
        filled[fold] += labels
        fold_of[units[name]] = fold
    return [
        tuple(replace(i, split="test" if f == k else "train") for i, f in zip(items, fold_of, strict=True))
        for k in range(count)
    ]


def possible_folds(items: Sequence[Item]) -> int:
    """Return how many folds can each test every class: as many as the rarest class has groups.

    An image that is in no group is one of its own.
    """
    units: dict[int, set[str]] = {}
    for item in items:
        units.setdefault(item.label, set()).add(_unit(item))
    return min(len(u) for u in units.values())


def _unit(item: Item) -> str:
    """Return the name of the unit that stays together: the item's group, or the item."""
    return f"group {item.group}" if item.group else f"image {item.id}"
