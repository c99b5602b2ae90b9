"""Photos that look alike: near duplicates, which must not be taught and tested at the same time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgecnn.learning.prototypes import unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edgecnn.dataset import Item
    from edgecnn.learning.photos import Photos

# The cosine of two embeddings from which on their photos are near duplicates: nineteen of twenty photos reach
# it with their own mirror image, and none of a thousand with another photo of another animal.
ALIKE = 0.94
# The photos that are compared with all others at a time: 40 MB for 40,000.
_BLOCK = 256


class Pair(NamedTuple):
    """Two photos, by their places, and the cosine of their embeddings."""

    first: int
    second: int
    cosine: float


def near_duplicates(embeddings: NDArray[np.float32]) -> list[Pair]:
    """Return each near duplicate with the photo that it is most like, the most alike first.

    All pairs would be millions where thousands of photos look alike.
    """
    found: dict[tuple[int, int], Pair] = {}
    directions = unit(embeddings)
    for start, cosines in _blocks(directions, directions):
        rows = np.arange(len(cosines))
        cosines[rows, rows + start] = -1
        others = cosines.argmax(axis=1)
        best = cosines[rows, others]
        for row in np.flatnonzero(best >= ALIKE):
            first, second = sorted((int(row) + start, int(others[row])))
            found.setdefault((first, second), Pair(first, second, float(best[row])))
    return sorted(found.values(), key=lambda pair: -pair.cosine)


def grouped(photos: Photos) -> tuple[Item, ...]:
    """Return the photos' items, with near duplicates, and what shares a group already, in one group."""
    first: dict[str, int] = {}
    places = enumerate(photos.items)
    group = np.array([first.setdefault(i.group, k) if i.group else k for k, i in places], np.int64)
    directions = unit(photos.plain)
    for start, cosines in _blocks(directions, directions):
        for place, near in enumerate(cosines >= ALIKE, start):
            joined = group[near]
            if (joined != group[place]).any():
                group[np.isin(group, joined)] = joined.min()
    return tuple(replace(item, group=f"{k}") for k, item in zip(group, photos.items, strict=True))


def familiar(taught: Photos, tested: Photos) -> NDArray[np.bool_]:
    """Return which tested photos are near duplicates of taught ones, or share a group with one, (photos,)."""
    groups = {item.group for item in taught.items if item.group}
    found = np.array([item.group in groups for item in tested.items], bool)
    for start, cosines in _blocks(unit(tested.plain), unit(taught.plain)):
        found[start : start + len(cosines)] |= (cosines >= ALIKE).any(axis=1)
    return found


def _blocks(
    some: NDArray[np.float32], others: NDArray[np.float32]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the cosines of a few directions, from a place on, with all others."""
    for start in range(0, len(some), _BLOCK):
        yield start, some[start : start + _BLOCK] @ others.T
