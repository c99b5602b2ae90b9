"""The head: softmax regression on standardized embeddings.

It minimizes the mean cross-entropy, weighted by class, plus half the L2 strength times the squared weights.
The problem is convex, so its result depends on nothing but the data. Embeddings of few photos span few
directions, so it is solved in these (the singular vectors), by L-BFGS (J. Nocedal, Math. Comp. 35, 1980).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

# Pairs that L-BFGS keeps, its most steps, and the gradient at which it stops, relative to the first one.
_MEMORY, _MOST_STEPS, _TOLERANCE = 10, 200, 1e-4
_LEAST_DEVIATION = 1e-3


class Head(NamedTuple):
    """A linear layer on raw embeddings: logits = embeddings @ weights + bias.

    Attributes
    ----------
    weights
        float64, (values of an embedding, classes).
    bias
        float64, (classes,).
    """

    weights: Matrix
    bias: Matrix

    def logits(self, embeddings: Matrix) -> Matrix:
        """Return the logits of embeddings, (photos, classes)."""
        return np.asarray(embeddings @ self.weights + self.bias)


class Basis(NamedTuple):
    """Embeddings in the directions that they span.

    `reduced` = (embeddings − mean) / deviation @ directions.
    """

    mean: Matrix
    deviation: Matrix
    directions: Matrix
    reduced: Matrix

    @classmethod
    def of(cls, embeddings: Matrix) -> Basis:
        """Standardize embeddings, (photos, values), and find the directions that they span."""
        mean = embeddings.mean(axis=0)
        deviation = embeddings.std(axis=0)
        deviation = np.maximum(deviation, _LEAST_DEVIATION * max(float(deviation.max()), 1e-12))
        standard = (embeddings - mean) / deviation
        if len(standard) >= standard.shape[1]:
            return cls(mean, deviation, np.eye(standard.shape[1]), standard)
        _, values, rows = np.linalg.svd(standard, full_matrices=False)
        directions = rows[values > values[0] * 1e-6].T
        return cls(mean, deviation, directions, standard @ directions)

    def head(self, weights: Matrix, bias: Matrix) -> Head:
        """Return the head on raw embeddings of one on reduced ones."""
        raw = (self.directions @ weights) / self.deviation[:, None]
        return Head(raw, bias - self.mean @ raw)


def fit_head(
    embeddings: Matrix, labels: NDArray[np.int64], classes: int, strength: float, basis: Basis | None = None
) -> Head:
    """Fit a head.

    Parameters
    ----------
    embeddings
        float64, (photos, values).
    labels
        The class of each photo, (photos,).
    strength
        The L2 strength.
    basis
        That of the embeddings, if it is known already.
    """
    basis = basis or Basis.of(embeddings)
    x, k = basis.reduced, basis.reduced.shape[1]
    counts = np.bincount(labels, minlength=classes)
    weight = (1 / np.maximum(counts, 1))[labels]
    weight /= weight.sum()
    targets = np.zeros((len(x), classes))
    targets[np.arange(len(x)), labels] = 1

    def loss(flat: Matrix) -> tuple[float, Matrix]:
        w, b = flat[: k * classes].reshape(k, classes), flat[k * classes :]
        z = x @ w + b
        z -= z.max(axis=1, keepdims=True)
        e = np.exp(z)
        total = e.sum(axis=1, keepdims=True)
        entropy = float(weight @ (np.log(total[:, 0]) - (z * targets).sum(axis=1)))
        error = (e / total - targets) * weight[:, None]
        gradient = np.concatenate([(x.T @ error + strength * w).ravel(), error.sum(axis=0)])
        return entropy + 0.5 * strength * float((w * w).sum()), gradient

    found = minimize(loss, np.zeros((k + 1) * classes))
    return basis.head(found[: k * classes].reshape(k, classes), found[k * classes :])


def minimize(loss: Callable[[Matrix], tuple[float, Matrix]], start: Matrix) -> Matrix:
    """Minimize a smooth convex function by L-BFGS with backtracking.

    `loss` returns the value and the gradient.
    """
    at = start
    value, gradient = loss(at)
    enough = _TOLERANCE * float(np.abs(gradient).max())
    pairs: deque[tuple[Matrix, Matrix, float]] = deque(maxlen=_MEMORY)
    for _ in range(_MOST_STEPS):
        if float(np.abs(gradient).max()) <= enough:
            break
        direction = _direction(gradient, pairs)
        slope = float(gradient @ direction)
        step = 1.0 if pairs else min(1.0, 1.0 / float(np.abs(gradient).sum()))
        while True:
            new = at + step * direction
            new_value, new_gradient = loss(new)
            if new_value <= value + 1e-4 * step * slope or step < 1e-10:
                break
            step /= 2
        change, turned = new - at, new_gradient - gradient
        if (curvature := float(change @ turned)) > 1e-12:
            pairs.append((change, turned, 1 / curvature))
        at, value, gradient = new, new_value, new_gradient
    return at


def _direction(gradient: Matrix, pairs: deque[tuple[Matrix, Matrix, float]]) -> Matrix:
    """Return the quasi-Newton direction of descent, by L-BFGS's two loops."""
    q, factors = -gradient, []
    for change, turned, scale in reversed(pairs):
        factors.append(scale * float(change @ q))
        q = q - factors[-1] * turned
    if pairs:
        change, turned, _ = pairs[-1]
        q = q * (float(change @ turned) / float(turned @ turned))
    for (change, turned, scale), factor in zip(pairs, reversed(factors), strict=True):
        q = q + (factor - scale * float(turned @ q)) * change
    return q
