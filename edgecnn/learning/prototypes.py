"""Prototypes of the taught classes, and how near an embedding is to them: the nearness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn.dataset.duplicates import unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

# Prototypes of a class: at most so many, and each stands for at least two photos.
_MOST, _PHOTOS_EACH = 10, 2
_STEPS = 20


def find_prototypes(embeddings: Matrix, labels: NDArray[np.int64], seed: int) -> Matrix:
    """Return prototypes of each class, unit vectors (prototypes, values), by spherical k-means.

    A prototype is a mean of two photos or more, so that a model contains no photo's own embedding (I. Dhillon
    and D. Modha, Machine Learning 42, 2001).
    """
    directions = unit(embeddings)
    found = [
        _cluster(directions[labels == k], np.random.default_rng([seed, int(k)])) for k in np.unique(labels)
    ]
    return np.concatenate(found)


def _cluster(directions: Matrix, rng: np.random.Generator) -> Matrix:
    # The mean of copies of one photo would be its own embedding.
    directions = directions[np.sort(np.unique(directions, axis=0, return_index=True)[1])]
    count = max(1, min(_MOST, len(directions) // _PHOTOS_EACH))
    means = directions[_spread(directions, count, rng)]
    for _ in range(_STEPS):
        nearest = (directions @ means.T).argmax(axis=1)
        filled = np.bincount(nearest, minlength=count) > 0
        moved = np.where(filled[:, None], _means(directions, nearest, count), means)
        if np.allclose(moved, means, atol=1e-6):
            break
        means = moved
    return _of_several(directions, means)


def _of_several(directions: Matrix, means: Matrix) -> Matrix:
    """Drop prototypes of single photos, which become members of the next ones."""
    while True:
        nearest = (directions @ means.T).argmax(axis=1)
        sizes = np.bincount(nearest, minlength=len(means))
        if len(means) == 1 or sizes.min() >= _PHOTOS_EACH:
            return _means(directions, nearest, len(means))
        means = np.delete(means, sizes.argmin(), axis=0)


def _means(directions: Matrix, nearest: NDArray[np.int64], count: int) -> Matrix:
    sums = np.zeros((count, directions.shape[1]), np.float32)
    np.add.at(sums, nearest, directions)
    return unit(sums)


def _spread(directions: Matrix, count: int, rng: np.random.Generator) -> list[int]:
    """Choose starting photos that lie far from one another (D. Arthur and S. Vassilvitskii, SODA 2007)."""
    chosen = [int(rng.integers(len(directions)))]
    away = 1 - directions @ directions[chosen[0]]
    while len(chosen) < count:
        weight = np.maximum(away, 0).astype(np.float64)
        total = weight.sum()
        place = int(rng.choice(len(directions), p=weight / total)) if total > 0 else len(chosen)
        chosen.append(place)
        away = np.minimum(away, 1 - directions @ directions[place])
    return chosen


def nearness(embeddings: Matrix, prototypes: Matrix) -> Matrix:
    """Return the largest cosine of each embedding with a prototype, (photos,), from −1 to 1."""
    return np.asarray((unit(embeddings) @ prototypes.T).max(axis=1), np.float32)


def nearness_threshold(values: Matrix, rejected: float) -> float:
    """Return the threshold that calls at most this share of new photos unknown, in steps of 1/128.

    For n values it is the k-th smallest with k = ⌊share · (n + 1)⌋: of photos like these, a new one is below
    it with a probability of at most k / (n + 1) (split conformal prediction: V. Vovk et al., Algorithmic
    Learning in a Random World, 2005). Of fewer than it takes for k = 1 it is the smallest one, which rejects
    more: a lower threshold would let nearly everything pass.

    Parameters
    ----------
    values
        The nearness of photos that did not make the prototypes, (photos,).
    rejected
        The share, 0 to 1. An int8 model's nearness has the steps.
    """
    rising = np.sort(np.asarray(values, np.float64))
    rank = max(1, int(rejected * (len(rising) + 1) + 1e-9))
    return float(np.clip(np.floor(float(rising[rank - 1]) * 128) / 128, -1, 1))
