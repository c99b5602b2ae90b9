"""The head: softmax regression on embeddings.

It minimizes the mean cross-entropy, weighted by class, plus half the L2 strength times the squared weights.
The problem is convex, so the result depends on nothing but the data. It is solved by L-BFGS (J. Nocedal,
Math. Comp. 35, 1980) in the principal directions of the embeddings, where D. Böhning's bound of the Hessian
(Ann. Inst. Statist. Math. 44, 1992) is nearly diagonal and serves as the preconditioner.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

# Pairs that L-BFGS keeps, its most steps, and the gradient at which it stops, relative to the first one.
_MEMORY, _MOST_STEPS, _TOLERANCE = 10, 200, 1e-3
# Directions in which the embeddings hardly differ, relative to the first one, are rounding errors; their
# squares are eigenvalues in float32.
_FLAT = 1e-3


class Head(NamedTuple):
    """A linear layer on embeddings: logits = embeddings @ weights + bias.

    Attributes
    ----------
    weights
        float32, (values of an embedding, classes).
    bias
        float32, (classes,).
    """

    weights: Matrix
    bias: Matrix

    def logits(self, embeddings: Matrix) -> Matrix:
        """Return the logits of embeddings, (photos, classes)."""
        return np.asarray(embeddings @ self.weights + self.bias, np.float32)


class Basis(NamedTuple):
    """Embeddings in their principal directions: `reduced` = (embeddings − mean) @ directions / scale.

    All directions are divided by the same number, so that the strength of the head's penalty means the same
    for every trunk. One for each value, as for features of different units, would let few photos amplify
    values that hardly vary.

    Attributes
    ----------
    mean, scale
        (values,), and the root of the mean variance of the values.
    directions
        Orthonormal, (values, directions).
    reduced
        (photos, directions).
    """

    mean: Matrix
    scale: float
    directions: Matrix
    reduced: Matrix

    @classmethod
    def of(cls, embeddings: Matrix) -> Basis:
        """Return the basis of embeddings, (photos, values)."""
        mean = embeddings.mean(axis=0)
        centered = embeddings - mean
        scale = float(np.sqrt(np.mean(centered * centered))) or 1.0
        centered /= np.float32(scale)
        # The eigenvectors of the smaller of both products; an SVD takes several times as long.
        few = len(centered) <= centered.shape[1]
        product = centered @ centered.T if few else centered.T @ centered
        values, vectors = np.linalg.eigh(product)
        kept = values > values[-1] * _FLAT**2
        if not kept.any():  # all embeddings are the same
            kept[-1] = True
        directions = vectors[:, kept]
        if few:
            directions = centered.T @ directions / np.sqrt(np.maximum(values[kept], 1e-12))
        directions = np.ascontiguousarray(directions, np.float32)
        return cls(mean, scale, directions, centered @ directions)

    def head(self, weights: Matrix, bias: Matrix) -> Head:
        """Return the head on embeddings of one on `reduced`."""
        raw = np.asarray((self.directions @ weights) / np.float32(self.scale), np.float32)
        return Head(raw, np.asarray(bias - self.mean @ raw, np.float32))


def fit_head(basis: Basis, labels: NDArray[np.int64], classes: int, strength: float) -> Head:
    """Fit a head; every class counts the same, however many photos it has.

    Parameters
    ----------
    basis
        That of the embeddings.
    labels
        The class of each photo, (photos,).
    strength
        The L2 strength.
    """
    x = basis.reduced
    k = x.shape[1]
    counts = np.bincount(labels, minlength=classes)
    weight = (1 / np.maximum(counts, 1))[labels].astype(np.float32)
    weight /= weight.sum()
    targets = np.zeros((len(x), classes), np.float32)
    targets[np.arange(len(x)), labels] = 1
    # Half the weighted variance of each direction bounds the curvature of the cross-entropy in it.
    curvature = np.concatenate([(weight @ (x * x)) / 2 + np.float32(strength), [np.float32(0.5)]])
    factor = (1 / np.sqrt(curvature)).astype(np.float32)[:, None]

    def loss(flat: Matrix) -> tuple[float, Matrix]:
        all_ = flat.reshape(k + 1, classes) * factor
        w, b = all_[:k], all_[k]
        z = x @ w + b
        z -= z.max(axis=1, keepdims=True)
        e = np.exp(z)
        total = e.sum(axis=1, keepdims=True)
        entropy = float(weight @ (np.log(total[:, 0]) - (z * targets).sum(axis=1)))
        error = (e / total - targets) * weight[:, None]
        gradient = np.concatenate([x.T @ error + np.float32(strength) * w, error.sum(axis=0)[None]])
        return entropy + 0.5 * strength * float((w * w).sum()), (gradient * factor).ravel()

    found = minimize(loss, np.zeros((k + 1) * classes, np.float32)).reshape(k + 1, classes) * factor
    return basis.head(found[:k], found[k])


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
        step = 1.0
        while True:
            new = at + np.float32(step) * direction
            new_value, new_gradient = loss(new)
            if new_value <= value + 1e-4 * step * slope:
                break
            step /= 2
            if step < 1e-6:  # as near as float32 comes
                return at
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
        q = q - np.float32(factors[-1]) * turned
    if pairs:
        change, turned, _ = pairs[-1]
        q = q * np.float32(float(change @ turned) / float(turned @ turned))
    for (change, turned, scale), factor in zip(pairs, reversed(factors), strict=True):
        q = q + np.float32(factor - scale * float(turned @ q)) * change
    return np.asarray(q, np.float32)
