"""Photos that look alike: near duplicates, which must not be taught and tested at the same time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgecnn.dataset.duplicates import unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from edgecnn.dataset import Item
    from edgecnn.learning.photos import Photos

# The cosine of two embeddings from which on their photos are near duplicates. Both are taken from the mean of
# all photos, since the embeddings of a weak trunk have most in common. Nine of ten photos reach the limit
# with their own mirror image, and none of a thousand with another photo of another animal.
ALIKE = 0.92
# From here on two photos are nearly the same without a mean too, since all photos may be.
SAME = 0.99
# The photos that are compared with all others at a time: 40 MB for 40,000.
_BLOCK = 256


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
    for start, cosines in _cosines(embeddings, embeddings):
        cosines[np.arange(cosines.shape[1]) >= np.arange(start, start + len(cosines))[:, None]] = -2
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
    places = enumerate(photos.items)
    group = np.array([first.setdefault(i.group, k) if i.group else k for k, i in places], np.int64)
    for start, cosines in _cosines(photos.plain, photos.plain):
        for place, near in enumerate(cosines >= ALIKE, start):
            joined = group[near]
            if (joined != group[place]).any():
                group[np.isin(group, joined)] = joined.min()
    return tuple(replace(item, group=f"{k}") for k, item in zip(group, photos.items, strict=True))


def familiar(
    taught: Photos, tested: Photos, everything: NDArray[np.float32] | None = None
) -> NDArray[np.bool_]:
    """Return which tested photos are near duplicates of taught ones, or share a group with one, (photos,).

    Parameters
    ----------
    everything
        The embeddings whose mean is taken off: those that `grouped` saw, where it made the folds, or it would
        find others. Those of the taught photos for None.
    """
    groups = {item.group for item in taught.items if item.group}
    found = np.array([item.group in groups for item in tested.items], bool)
    for start, cosines in _cosines(tested.plain, taught.plain, everything):
        found[start : start + len(cosines)] |= (cosines >= ALIKE).any(axis=1)
    return found


def _cosines(
    some: NDArray[np.float32], others: NDArray[np.float32], everything: NDArray[np.float32] | None = None
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the cosines of a few photos, from a place on, with all others.

    They are taken from the mean of everything, by default of the others; those of nearly the same embeddings
    are as they are.
    """
    mean = _mean(others if everything is None else everything)
    raw, centered = unit(others), unit(others - mean)
    for start in range(0, len(some), _BLOCK):
        block = some[start : start + _BLOCK]
        plain = unit(block) @ raw.T
        yield start, np.where(plain >= SAME, plain, unit(block - mean) @ centered.T)


def _mean(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    return embeddings.mean(axis=0) if len(embeddings) else np.zeros(embeddings.shape[1:], np.float32)
