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
_BLOCK = 1024


class Pair(NamedTuple):
    """Two photos, by their places, and the cosine of their embeddings."""

    first: int
    second: int
    cosine: float


def near_duplicates(embeddings: NDArray[np.float32]) -> list[Pair]:
    """Return each photo that is a near duplicate, with the most alike photo before it; the most alike first.

    Not all pairs: a thousand frames of one scene have half a million.
    """
    found = []
    for start, cosines in _with_those_before(embeddings):
        best = cosines.argmax(axis=1)
        highest = cosines[np.arange(len(cosines)), best]
        found += [
            Pair(int(best[row]), start + int(row), float(highest[row]))
            for row in np.flatnonzero(highest >= ALIKE)
        ]
    return sorted(found, key=lambda pair: -pair.cosine)


def grouped(photos: Photos) -> tuple[Item, ...]:
    """Return the photos' items, with near duplicates, and what shares a group already, in one group."""
    first: dict[str, int] = {}
    tied = [(k, first.setdefault(item.group, k)) for k, item in enumerate(photos.items) if item.group]
    edges = [np.array(tied, np.int64).reshape(-1, 2)]
    for start, cosines in _with_those_before(photos.plain):
        edges.append(np.argwhere(cosines >= ALIKE) + np.array([start, 0]))
    one, other = np.concatenate(edges).T
    names = np.arange(len(photos))
    while True:
        # The lowest place of all neighbours, and of those that it stands for.
        lowest = names.copy()
        np.minimum.at(lowest, one, names[other])
        np.minimum.at(lowest, other, names[one])
        lowest = lowest[lowest]
        if (lowest == names).all():
            return tuple(replace(item, group=f"{k}") for k, item in zip(names, photos.items, strict=True))
        names = lowest


def _with_those_before(embeddings: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the first place of a block of photos, and their cosines with those before each; others −2."""
    directions = unit(embeddings)
    for start in range(0, len(directions), _BLOCK):
        block = directions[start : start + _BLOCK]
        cosines = block @ directions[: start + len(block)].T
        cosines[np.arange(cosines.shape[1]) >= np.arange(start, start + len(block))[:, None]] = -2
        yield start, cosines
