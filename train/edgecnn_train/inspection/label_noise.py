"""Finds labels that look swapped, from a vote of the images most like each one. No network, no training.

The features are coarse, so this sees a 3 among the 8s and no difference between two breeds of dogs. It
measures how far its own votes can be trusted on the data at hand, and names nothing where they can't.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.dataset.duplicates import unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn_train.inspection.survey import Survey

NEIGHBOURS = 10
# A vote counts where nine tenths agree, and where votes as clear as that name the given label this often.
UNANIMOUS = 0.9
TRUSTED = 0.95
# If fewer swapped labels than this would be found, most of those found are false alarms.
LEAST_REACH = 0.05
# Beyond this share of a class the votes show what they can't separate, not what is labeled wrongly.
MOST_SUSPECTS = 0.1
# The nearest image of the own label is farther away than the nearest of the voted one by this factor.
FARTHER = 1.25
# Neighbours are looked for among this many images at most, the same number of each class.
_REFERENCES = 10_000
_FEATURES = 64
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Suspect:
    """An image whose neighbours carry another label: its place, that label's number, and its votes."""

    image: int
    looks_like: int
    votes: int
    farther: float


@dataclass(frozen=True, slots=True)
class LabelVotes:
    """What the neighbours say.

    `accuracy` is the share of all images for which they name the given label; `trusted` the same among
    clear votes only; `reach` the share of swapped labels that would be found, since their neighbours are
    clear enough. `needed` of `asked` neighbours make a vote clear; 0 where no vote can be trusted.
    `swapped_classes` holds (split, class, class it looks like, share).
    """

    asked: int
    needed: int
    accuracy: float
    trusted: float
    reach: float
    suspects: tuple[Suspect, ...]
    unclear_classes: tuple[int, ...]
    swapped_classes: tuple[tuple[str, int, int, float], ...]


def vote_on_labels(seen: Survey, seed: int) -> LabelVotes | None:
    """Let every image's nearest neighbours vote on its label, the image itself left out.

    Neighbours come from the training split where there are official ones, and from 10,000 images at most,
    drawn by `seed`. Distances are Euclidean between 64 principal components of a histogram of oriented
    gradients (4×4 cells, 9 orientations, as Dalal & Triggs 2005 without overlapping blocks) and of the 8×8
    color thumbnail, each scaled to length one. Leave-one-out votes of neighbours as a sign of wrong labels
    go back to Wilson 1972 (edited nearest neighbours).

    Returns None where the classes are too small to vote (fewer than 6 images in one).
    """
    labels, splits = seen.classes, seen.splits
    usable = (splits == "train") | (splits == "")
    counts = np.bincount(labels[usable], minlength=len(seen.labels))
    if counts.min() < 6:
        return None
    rng = np.random.default_rng([seed, 300])
    references = _draw(labels, usable, rng)
    asked = min(NEIGHBOURS, int(counts.min()) // 2)
    points = _features(seen.thumbnails, references)
    votes, nearest = _count_votes(points, references, labels, asked, len(seen.labels))
    winner, share = votes.argmax(1), votes.max(1)
    own = nearest[np.arange(len(labels)), labels]
    farther = own / np.maximum(nearest[np.arange(len(labels)), winner], 1e-6)
    needed = _needed(winner == labels, share, asked)
    reach = _reach((share >= needed) & (winner == labels), labels, nearest) if needed else 0.0
    needed = needed if reach >= LEAST_REACH else 0
    clear = (share >= needed) if needed else np.zeros(len(labels), bool)
    wrong = clear & (winner != labels) & (farther >= FARTHER)
    per_class = np.bincount(labels[wrong], minlength=len(counts)) / np.bincount(labels, minlength=len(counts))
    unclear = np.flatnonzero(per_class > MOST_SUSPECTS)
    places = np.flatnonzero(wrong & ~np.isin(labels, unclear))
    places = places[np.lexsort((-farther[places], -share[places]))]
    return LabelVotes(
        asked,
        needed,
        float(np.mean(winner == labels)),
        float(np.mean((winner == labels)[clear])) if clear.any() else 0.0,
        reach,
        tuple(Suspect(int(p), int(winner[p]), int(share[p]), float(farther[p])) for p in places),
        tuple(unclear.tolist()),
        _swapped_classes(labels, splits, winner, len(counts)),
    )


def _draw(
    labels: NDArray[np.int64], usable: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw the same number of images of each class, sorted by class, so that no class outvotes another."""
    classes = np.unique(labels)
    most = max(NEIGHBOURS, _REFERENCES // len(classes))
    drawn = [rng.permutation(np.flatnonzero(usable & (labels == c)))[:most] for c in classes]
    return np.concatenate(drawn)


def _features(thumbnails: NDArray[np.uint8], references: NDArray[np.int64]) -> NDArray[np.float32]:
    raw = np.concatenate([_describe(thumbnails[s : s + _BLOCK]) for s in range(0, len(thumbnails), _BLOCK)])
    raw -= raw[references].mean(0)
    _, axes = np.linalg.eigh(raw[references].T @ raw[references])
    return np.asarray(raw @ axes[:, ::-1][:, :_FEATURES], np.float32)


def _describe(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return float32 N×336: the gradients' histogram (144) and the color thumbnail (192)."""
    count = len(thumbnails)
    gray = np.stack([cv2.cvtColor(t, cv2.COLOR_BGR2GRAY) for t in thumbnails]).astype(np.float32)
    dx, dy = np.zeros_like(gray), np.zeros_like(gray)
    dx[:, :, 1:-1] = gray[:, :, 2:] - gray[:, :, :-2]
    dy[:, 1:-1] = gray[:, 2:] - gray[:, :-2]
    strength = np.hypot(dx, dy)
    orientation = np.minimum((np.arctan2(dy, dx) % np.pi) * (9 / np.pi), 8).astype(np.int8)
    cells = [np.where(orientation == k, strength, 0).reshape(count, 4, 8, 4, 8).sum((2, 4)) for k in range(9)]
    gradients = np.sqrt(np.stack(cells, axis=-1).reshape(count, -1))
    colors = np.stack([cv2.resize(t, (8, 8), interpolation=cv2.INTER_AREA) for t in thumbnails])
    colors = colors.reshape(count, -1).astype(np.float32) - 128
    return np.concatenate([unit(gradients), 0.7 * unit(colors)], axis=1).astype(np.float32)


def _count_votes(
    points: NDArray[np.float32],
    references: NDArray[np.int64],
    labels: NDArray[np.int64],
    asked: int,
    classes: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return each image's votes for each class (int64 N×C), and the distance to its nearest (float32)."""
    known, homes = points[references], labels[references]
    squares = (known**2).sum(1)
    starts = np.searchsorted(homes, np.arange(classes))
    votes = np.zeros((len(points), classes), np.int64)
    nearest = np.empty((len(points), classes), np.float32)
    for start in range(0, len(points), _BLOCK):
        block = points[start : start + _BLOCK]
        distances = np.maximum(squares + (block**2).sum(1)[:, None] - 2 * (block @ known.T), 0)
        distances[references[None] == np.arange(start, start + len(block))[:, None]] = np.inf
        chosen = homes[np.argpartition(distances, asked - 1, axis=1)[:, :asked]]
        rows = np.arange(start, start + len(block))
        np.add.at(votes, (np.repeat(rows, asked), chosen.ravel()), 1)
        nearest[rows] = np.sqrt(np.minimum.reduceat(distances, starts, axis=1))
    return votes, nearest


def _needed(right: NDArray[np.bool_], share: NDArray[np.int64], asked: int) -> int:
    """Return how many votes are clear enough that they can be trusted, or 0."""
    for needed in range(math.ceil(UNANIMOUS * asked), asked + 1):
        clear = share >= needed
        if clear.any() and right[clear].mean() >= TRUSTED:
            return needed
    return 0


def _reach(sure: NDArray[np.bool_], labels: NDArray[np.int64], nearest: NDArray[np.float32]) -> float:
    """Return the share of images that would be found if they had any one of the other labels."""
    others = nearest >= FARTHER * nearest[np.arange(len(labels)), labels][:, None]
    return float(np.mean(sure * others.sum(1) / max(nearest.shape[1] - 1, 1)))


def _swapped_classes(
    labels: NDArray[np.int64], splits: NDArray[np.str_], winner: NDArray[np.int64], classes: int
) -> tuple[tuple[str, int, int, float], ...]:
    """Find classes that in one split look like another class of the training split, as a whole.

    Most of the split's images must look like that other class, and few of the training split's own.
    """
    found = []
    home = [winner[(splits == "train") & (labels == c)] for c in range(classes)]
    for split in ("validation", "test"):
        for c in range(classes):
            here = winner[(splits == split) & (labels == c)]
            if len(here) < 5 or not len(home[c]):
                continue
            other = int(np.bincount(here, minlength=classes).argmax())
            share = float(np.mean(here == other))
            if other != c and share >= 0.6 and np.mean(home[c] == other) < 0.3:
                found.append((split, c, other, share))
    return tuple(found)
