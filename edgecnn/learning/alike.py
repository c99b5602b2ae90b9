"""Photos that look alike: near duplicates, which must not be taught and tested at the same time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgecnn.learning.prototypes import unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.dataset import Item
    from edgecnn.learning.photos import Photos

# The cosine of two embeddings from which on their photos are near duplicates: nineteen of twenty photos reach
# it with their own mirror image, and none of a thousand with another photo of another animal.
ALIKE = 0.94
_BLOCK = 1024


class Pair(NamedTuple):
    """Two photos, by their places, and the cosine of their embeddings."""

    first: int
    second: int
    cosine: float


def near_duplicates(embeddings: NDArray[np.float32]) -> list[Pair]:
    """Return all pairs of photos that are near duplicates, the most alike first."""
    directions, found = unit(embeddings), []
    for start in range(0, len(directions), _BLOCK):
        cosines = directions[start : start + _BLOCK] @ directions.T
        rows, columns = np.nonzero(cosines >= ALIKE)
        later = columns > rows + start
        found += [
            Pair(int(r) + start, int(c), float(cosines[r, c]))
            for r, c in zip(rows[later], columns[later], strict=True)
        ]
    return sorted(found, key=lambda pair: -pair.cosine)


def grouped(photos: Photos) -> tuple[Item, ...]:
    """Return the photos' items, with near duplicates, and what shares a group already, in one group."""
    parent = list(range(len(photos)))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    first: dict[str, int] = {}
    for place, item in enumerate(photos.items):
        if item.group:
            parent[root(place)] = root(first.setdefault(item.group, place))
    for pair in near_duplicates(photos.plain):
        parent[root(pair.second)] = root(pair.first)
    return tuple(replace(item, group=f"{root(k)}") for k, item in enumerate(photos.items))
