"""Photos to look at again: those whose neighbours have another class, and those that are there twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgecnn.dataset.duplicates import unit
from edgecnn.learning.alike import near_duplicates
from edgecnn.learning.crossval import softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.learning.alike import Pair
    from edgecnn.learning.crossval import Answers
    from edgecnn.learning.photos import Photos

# A photo is suspect where heads that did not see it are this sure of another class, and most of its nearest
# photos have that class.
_SURE, _NEIGHBOURS, _MOST = 0.9, 5, 3


class Mislabelled(NamedTuple):
    """A photo whose class may be wrong: its place, the class that it looks like, and how sure that is."""

    place: int
    looks_like: int
    score: float


class Suspects(NamedTuple):
    """Photos to look at again.

    Attributes
    ----------
    mislabelled
        The surest first.
    doubled
        Near duplicates, the most alike first; those of one group of the data are left out.
    """

    mislabelled: tuple[Mislabelled, ...]
    doubled: tuple[Pair, ...]


def find_suspects(photos: Photos, answers: Answers, temperature: float) -> Suspects:
    """Return the photos to look at again.

    Wrong labels are found by confident answers of cross-validation (C. Northcutt et al., JAIR 70, 2021) that
    the nearest neighbours confirm.

    Parameters
    ----------
    temperature
        That of the scores, without which a head with a strong penalty is never sure.
    """
    scores = softmax(answers.logits / np.float32(temperature))
    best, labels = scores.argmax(axis=1), photos.labels[answers.places]
    doubtful = np.flatnonzero((best != labels) & (scores.max(axis=1) >= _SURE))
    directions = unit(photos.plain)
    found = []
    for row in doubtful:
        place = int(answers.places[row])
        if _confirmed(directions, photos.labels, place, int(best[row])):
            found.append(Mislabelled(place, int(best[row]), float(scores[row].max())))
    found.sort(key=lambda suspect: -suspect.score)
    doubled = [pair for pair in near_duplicates(photos.plain) if not _of_one_group(photos, pair)]
    return Suspects(tuple(found), tuple(doubled))


def _of_one_group(photos: Photos, pair: Pair) -> bool:
    """Whether two photos are alike because they are frames of one recording."""
    first, second = photos.items[pair.first], photos.items[pair.second]
    return first.group is not None and first.group == second.group


def _confirmed(directions: NDArray[np.float32], labels: NDArray[np.int64], place: int, other: int) -> bool:
    """Whether most of a photo's nearest photos have another class."""
    cosines = directions @ directions[place]
    cosines[place] = -2
    nearest = np.argsort(-cosines)[:_NEIGHBOURS]
    return int((labels[nearest] == other).sum()) >= _MOST
