"""Photos that are embeddings only, for what needs no images."""

import numpy as np

from edgecnn.dataset import Item
from edgecnn.learning.photos import Photos


def made(embeddings, labels, groups=None, **views):
    """Return photos with these embeddings; item k is called `k`."""
    items = tuple(
        Item(f"{k}", int(label), None, None if groups is None else groups[k])
        for k, label in enumerate(labels)
    )
    rows = {name: np.asarray(v, np.float32) for name, v in (("plain", embeddings), *views.items())}
    return Photos(items, np.asarray(labels, np.int64), rows)


def directions(counts, values=24, spread=1.0, seed=0):
    """Return embeddings around a direction of each class, and their classes."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(0, 1, (len(counts), values)) * 2
    labels = np.repeat(np.arange(len(counts)), counts)
    return (centers[labels] + rng.normal(0, spread, (len(labels), values))).astype(np.float32), labels


def doubled(embeddings, labels, times=2, noise=0.02, seed=1):
    """Return each embedding several times with little noise; copies lie behind one another."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(embeddings, times, axis=0)
    return rows + rng.normal(0, noise, rows.shape).astype(np.float32), np.repeat(labels, times)
