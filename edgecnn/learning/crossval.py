"""Cross-validation: chooses what photos can't say directly, and answers for photos that were not taught."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgecnn.dataset.folds import fold_items, possible_folds
from edgecnn.learning.alike import grouped
from edgecnn.learning.head import Basis, fit_head
from edgecnn.learning.prototypes import find_prototypes, nearness
from edgecnn.learning.views import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from edgecnn.learning.head import Head
    from edgecnn.learning.photos import Photos

    Matrix = NDArray[np.float32]
    Places = NDArray[np.int64]

STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0)
_FOLDS, _INNER_FOLDS = 5, 3
# Inverse temperatures that the strengths are compared at.
_SCALES = np.geomspace(0.25, 16, 13).astype(np.float32)


class Fold(NamedTuple):
    """The places of the photos that are taught, and of those that test."""

    taught: Places
    tested: Places


class Choice(NamedTuple):
    """What cross-validation chose: the head's L2 strength, and the views that it learns from."""

    strength: float
    views: tuple[str, ...]


class Answers(NamedTuple):
    """What heads answer for photos that they were not taught.

    Attributes
    ----------
    places
        The places of the photos that were tested.
    logits
        float32 (photos, classes).
    nearness
        float32 (photos,).
    heads, choices
        The head of each fold, and what it was made with.
    """

    places: Places
    logits: Matrix
    nearness: Matrix
    heads: tuple[Head, ...] = ()
    choices: tuple[Choice, ...] = ()


def make_folds(photos: Photos, seed: int, most: int = _FOLDS) -> list[Fold]:
    """Divide photos into folds, stratified by class; near duplicates stay in one fold.

    Where they leave a class in a single group, only the groups of the data do; where these do too, each photo
    is a group of its own: a class of one scene can't be tested in another way, and the report says so.
    """
    single = tuple(replace(item, group=None) for item in photos.items)
    offered = (grouped(photos), photos.items, single)
    items = next((items for items in offered if possible_folds(items) >= 2), None)
    if items is None:
        return []
    count = min(most, possible_folds(items))
    parts = fold_items(items, count, seed)
    tested = [np.array([i.split == "test" for i in part]) for part in parts]
    return [Fold(np.flatnonzero(~rows), np.flatnonzero(rows)) for rows in tested]


def teach(photos: Photos, classes: int, choice: Choice) -> Head:
    """Return the head that photos teach."""
    embeddings, labels = _seen(photos, choice.views)
    return fit_head(Basis.of(embeddings), labels, classes, choice.strength)


def choose(photos: Photos, classes: int, folds: Sequence[Fold]) -> Choice:
    """Choose views and strength by the likelihood of the labels of photos that were not taught.

    Where so few photos can't tell, it takes all views, and the largest strength that may be as good as the
    best one (the rule of one standard error: L. Breiman et al., Classification and Regression Trees, 1984).
    """
    plain = _losses(photos, classes, folds, (PLAIN,))
    views: tuple[str, ...] = (PLAIN,)
    losses, best = plain, _best(plain)
    if len(photos.views) > 1:
        more = _losses(photos, classes, folds, tuple(photos.views))
        if _as_good(_best(more), best):
            views, losses, best = tuple(photos.views), more, _best(more)
    good = [s for s, column in zip(STRENGTHS, losses.T, strict=True) if _as_good(column, best)]
    return Choice(max(good), views)


def _best(losses: Matrix) -> Matrix:
    """Return the column of the strength with the smallest mean."""
    return np.asarray(losses[:, losses.mean(axis=0).argmin()])


def _as_good(losses: Matrix, best: Matrix) -> bool:
    """Whether losses are at most a standard error of their difference above the best ones."""
    worse = losses - best
    return bool(worse.mean() <= worse.std() / len(worse) ** 0.5)


def _losses(photos: Photos, classes: int, folds: Sequence[Fold], views: tuple[str, ...]) -> Matrix:
    """Return the cross-entropy of each tested photo for each strength, each class counting the same.

    It is the one at the best temperature, since a strong penalty makes the head's logits small, and the
    temperature makes up for that.
    """
    # Losses at each temperature and not logits, which would be a gigabyte for a thousand classes.
    losses = np.zeros((len(STRENGTHS), len(_SCALES), len(photos)), np.float32)
    for fold in folds:
        embeddings, labels = _seen(photos.take(fold.taught), views)
        basis, tested = Basis.of(embeddings), photos.take(fold.tested)
        for k, strength in enumerate(STRENGTHS):
            logits = fit_head(basis, labels, classes, strength).logits(tested.plain)
            for j, scale in enumerate(_SCALES):
                losses[k, j, fold.tested] = _cross_entropy(logits * scale, tested.labels)
    weight = 1 / np.bincount(photos.labels, minlength=classes)[photos.labels]
    return np.stack([min(rows * weight, key=np.mean) for rows in losses], axis=1)


def answer(photos: Photos, classes: int, folds: Sequence[Fold], choice: Choice, seed: int) -> Answers:
    """Answer for every photo by heads that were taught the other folds."""
    return _joined(_answer_one(photos, classes, fold, choice, seed) for fold in folds)


def answer_strictly(photos: Photos, classes: int, folds: Sequence[Fold], seed: int) -> Answers:
    """Answer as `answer` does, with each fold's choice made by its taught photos alone.

    So no figure is measured on photos that decided anything (S. Varma and R. Simon, BMC Bioinformatics 7,
    2006).
    """

    def answers() -> Iterator[Answers]:
        for fold in folds:
            taught = photos.take(fold.taught)
            inner = make_folds(taught, seed + 1, _INNER_FOLDS)
            choice = choose(taught, classes, inner) if inner else Choice(0.1, (PLAIN,))
            yield _answer_one(photos, classes, fold, choice, seed)

    return _joined(answers())


def _answer_one(photos: Photos, classes: int, fold: Fold, choice: Choice, seed: int) -> Answers:
    taught, tested = photos.take(fold.taught), photos.take(fold.tested)
    head = teach(taught, classes, choice)
    prototypes = find_prototypes(taught.plain, taught.labels, seed)
    near = nearness(tested.plain, prototypes)
    return Answers(fold.tested, head.logits(tested.plain), near, (head,), (choice,))


def _joined(parts: Iterator[Answers]) -> Answers:
    """Return all answers in the order of the photos."""
    *columns, heads, choices = zip(*parts, strict=True)
    places, logits, near = map(np.concatenate, columns)
    order = np.argsort(places)
    one_each = (tuple(one for (one,) in column) for column in (heads, choices))
    return Answers(places[order], logits[order], near[order], *one_each)


def _seen(photos: Photos, views: tuple[str, ...]) -> tuple[Matrix, Places]:
    """Return the embeddings of photos in these views, and their labels."""
    return np.concatenate([photos.views[v] for v in views]), np.tile(photos.labels, len(views))


def softmax(logits: Matrix) -> NDArray[np.float64]:
    """Return the probabilities of logits, (photos, classes)."""
    powers = np.exp(np.asarray(logits, np.float64) - logits.max(axis=1, keepdims=True))
    found: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return found


def _cross_entropy(logits: Matrix, labels: Places) -> Matrix:
    likely = softmax(logits)[np.arange(len(labels)), labels]
    return np.asarray(-np.log(np.maximum(likely, 1e-12)), np.float32)
