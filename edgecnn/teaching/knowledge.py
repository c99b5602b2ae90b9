"""What is known at a moment: the head, the prototypes and the rule of `unknown` that photos gave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from edgecnn.classify.verdict import Verdict, check_threshold
from edgecnn.dataset.duplicates import unit
from edgecnn.frame import UNKNOWN
from edgecnn.learning.crossval import Choice, softmax, teach
from edgecnn.learning.head import Head
from edgecnn.learning.judge import REJECTED, Rule
from edgecnn.learning.material import background_of
from edgecnn.learning.prototypes import find_prototypes, nearness, nearness_threshold

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.learning.photos import Photos

    Matrix = NDArray[np.float32]

Level = Literal["nothing", "prototypes", "head"]
# With so many photos of each class a head is better than the means of classes.
_LEAST = 3
# What the logit of a mean is for each unit of cosine: 0.9 of the score goes to a class that is nearer by 0.1.
_SHARPNESS = 20.0
# New photos are somewhat farther than the taught ones are from one another.
_SLACK = 0.1


class Knowledge(NamedTuple):
    """What photos taught.

    Attributes
    ----------
    labels
        The classes that have photos.
    level
        `prototypes` from the means of the classes, `head` by softmax regression.
    head
        The logits of an embedding.
    prototypes
        Unit vectors, float32 (prototypes, values).
    rule
        Temperature and least nearness.
    """

    labels: tuple[str, ...]
    level: Level
    head: Head
    prototypes: Matrix
    rule: Rule

    def verdict(self, threshold: float | None = None) -> Verdict:
        """Return the rule of `unknown`; before anything is known, everything is.

        Parameters
        ----------
        threshold
            A score below it is unknown too; 0 for never, whatever the nearness.
        """
        check_threshold(threshold)
        if self.level == "nothing":
            return Verdict(background=0)
        if threshold == 0:
            return Verdict()
        return Verdict(threshold or 0.0, background_of(self.labels), (), self.rule.nearness)

    def scores(self, embedding: Matrix) -> NDArray[np.float64]:
        """Return the score of each class for one embedding, (values,)."""
        logits = self.head.logits(embedding[None]) / np.float32(self.rule.temperature)
        return np.asarray(softmax(logits)[0])

    def nearness(self, embedding: Matrix) -> float:
        """Return the largest cosine of one embedding, (values,), with a prototype."""
        length = float(np.linalg.norm(embedding)) or 1.0
        return float((self.prototypes @ embedding).max(initial=-1.0) / length)


def nothing(values: int) -> Knowledge:
    """Return what is known without photos; its one class is `unknown`."""
    head = Head(np.zeros((values, 1), np.float32), np.zeros(1, np.float32))
    return Knowledge((UNKNOWN,), "nothing", head, np.zeros((0, values), np.float32), Rule(1.0, -1.0))


def know(photos: Photos, labels: tuple[str, ...], choice: Choice, rule: Rule | None, seed: int) -> Knowledge:
    """Return what photos teach, in a fraction of a second.

    Parameters
    ----------
    choice
        What the head is made with, as the last cross-validation chose it.
    rule
        That of the last cross-validation; None for one by the photos themselves.
    """
    counts = np.bincount(photos.labels, minlength=len(labels))
    few = len(labels) < 2 or counts.min() < _LEAST
    if rule is None or few:
        rule = Rule(1.0, _near(photos.plain, photos.labels))
    head = _means(photos, len(labels)) if few else teach(photos, len(labels), choice)
    return Knowledge(labels, "prototypes" if few else "head", head, _prototypes(photos, rule, seed), rule)


def _prototypes(photos: Photos, rule: Rule, seed: int) -> Matrix:
    """Return the prototypes of a model, and each photo that is far from them: new ones would be unknown.

    Such a photo is what a correction adds: the thing in it is not unknown any more. A kept model has no photo
    alone.
    """
    found = find_prototypes(photos.plain, photos.labels, seed)
    far = nearness(photos.plain, found) < rule.nearness + _SLACK
    return np.concatenate((found, unit(photos.plain[far])))


def _means(photos: Photos, classes: int) -> Head:
    """Return the classifier by the nearest mean, which is linear (J. Snell et al., NIPS 2017, 2.4)."""
    directions = unit(photos.plain)
    means = np.stack([directions[photos.labels == k].mean(axis=0) for k in range(classes)])
    # Embeddings are not unit vectors; their usual length makes up for that.
    length = float(np.linalg.norm(photos.plain, axis=1).mean()) or 1.0
    weights = _SHARPNESS * means.T / length
    bias = -0.5 * _SHARPNESS * (means * means).sum(axis=1)
    return Head(np.asarray(weights, np.float32), np.asarray(bias, np.float32))


def _near(embeddings: Matrix, labels: NDArray[np.int64]) -> float:
    """Return a threshold of nearness from the photos alone: how near each is to the rest of its class."""
    directions, found = unit(embeddings), []
    for k in np.unique(labels):
        cosines = directions[labels == k] @ directions[labels == k].T
        if len(cosines) > 1:
            np.fill_diagonal(cosines, -1)
            found.append(cosines.max(axis=1))
    if not found:
        return 0.5
    return nearness_threshold(np.concatenate(found), REJECTED) - _SLACK
