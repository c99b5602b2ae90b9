"""Chooses a temperature of scores and a threshold of `unknown` from the answers to labelled images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edgecnn.classify.classifier import Classifier

TEMPERATURE_LIMITS = (0.2, 15.0)
# The standard deviation of the prior for the logarithm of the temperature. Without it, a validation split of
# four images, all classified correctly, would make every score 1; with thousands of images it hardly counts.
PRIOR_SPREAD = 0.5


def probabilities(classifier: Classifier, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Classify images of the model's own size, N×H×W×C: RGB, which travels as BGR, or gray."""
    bgr = np.ascontiguousarray(images[..., ::-1])
    return np.array([classifier.probabilities(image) for image in bgr], np.float64)


def fit_temperature(probabilities: NDArray[Any], truth: NDArray[np.int64], floor: float) -> float:
    """Return the temperature with the smallest negative log-likelihood of the true classes.

    Found by a grid and then by the golden section over its logarithm (Guo et al. 2017, section 4.2), under a
    weak prior for 1; see `PRIOR_SPREAD`.

    Parameters
    ----------
    probabilities
        The model's own, N×classes.
    truth
        The true classes, N.
    floor
        What smaller probabilities are taken for; see `edgecnn.bundle.confidence.smallest`.
    """
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), floor))
    logs -= logs.max(axis=1, keepdims=True)
    true = logs[np.arange(len(truth)), truth]

    def loss(u: float) -> float:
        likelihood = true * math.exp(-u) - np.log(np.exp(logs * math.exp(-u)).sum(axis=1))
        return float(0.5 * (u / PRIOR_SPREAD) ** 2 - likelihood.sum())

    low, high = map(math.log, TEMPERATURE_LIMITS)
    grid = np.linspace(low, high, 44).tolist()
    k = min(range(len(grid)), key=lambda i: loss(grid[i]))
    best = _golden_section(loss, grid[max(0, k - 1)], grid[min(len(grid) - 1, k + 1)])
    return round(math.exp(best), 4)


def accept_at_most(share: float, negatives: NDArray[np.float64]) -> float:
    """Return the lowest threshold at which at most `share` of these scores are at or above it.

    It is halfway between the highest rejected score and the next one above it, so that rounding on another
    machine does not matter. 1 if even that accepts more: scores of exactly 1 can't be separated.
    """
    falling = -np.sort(-np.round(negatives, 9))
    accepted = math.floor(share * len(falling) + 1e-9)
    if accepted >= len(falling) or falling[accepted] <= 0:
        return 0.0
    rejected = float(falling[accepted])
    above = falling[falling > rejected]
    return (rejected + (float(above[-1]) if len(above) else 1.0)) / 2


def reject_at_most(share: float, positives: NDArray[np.float64]) -> float:
    """Return the highest threshold at which at most `share` of these scores are below it."""
    rising = np.sort(np.round(positives, 9))
    return max(0.0, float(rising[math.floor(share * len(rising) + 1e-9)]) - 1e-9)


def _golden_section(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the place of the only minimum between `low` and `high`, to 1e-6 (Kiefer 1953)."""
    ratio = (math.sqrt(5) - 1) / 2
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    at_a, at_b = function(a), function(b)
    while high - low > 1e-6:
        if at_a < at_b:
            high, b, at_b = b, a, at_a
            a = high - ratio * (high - low)
            at_a = function(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + ratio * (high - low)
            at_b = function(b)
    return (low + high) / 2
