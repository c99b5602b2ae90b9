"""The learning curve: accuracy by the number of photos of a class, and what more of them would give."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgecnn.evaluation.interval import wilson
from edgecnn.learning.crossval import teach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgecnn.learning.crossval import Choice, Fold
    from edgecnn.learning.photos import Photos

_SIZES = (5, 10, 20, 50, 100, 200, 500, 1000)
# Random choices of the photos of each size, per fold.
_DRAWS = 3
# The last sizes that the forecast rests on; with fewer there is none.
_RECENT, _LEAST = 4, 2
# The numbers of photos, the largest by the smallest, from which a line is not mere noise.
_SPAN = 1.5
# A gain below it is within the noise of any test.
_HARDLY = 0.005


class Point(NamedTuple):
    """The accuracy (0 to 1) with so many photos of each class at most, and its 95 % interval."""

    photos: int
    accuracy: float
    low: float
    high: float


def learning_curve(
    taught: Photos,
    tested: Photos,
    folds: Sequence[Fold],
    classes: int,
    choices: Sequence[Choice],
    seed: int,
    background: int | None = None,
) -> list[Point]:
    """Return the accuracy by number of photos; the last point has all of them.

    Parameters
    ----------
    folds
        Which photos of `taught` are taught and which of `tested` test; several where they are the same set.
    choices
        What each fold's heads are made with, chosen without its tested photos.
    background
        A class of other things, all of whose photos are always taught; None for none.
    """
    counts = np.bincount(np.concatenate([taught.labels[f.taught] for f in folds]), minlength=classes)
    if background is not None:
        counts[background] = 0
    # On average: near duplicates make folds of unequal sizes.
    largest = int(counts.max()) // len(folds)
    sizes = [*(size for size in _SIZES if size < largest), len(taught)]
    points = []
    for size in sizes:
        right, tests = 0, 0
        for number, (fold, choice) in enumerate(zip(folds, choices, strict=True)):
            test = tested.take(fold.tested)
            for draw in range(_DRAWS):
                rng = np.random.default_rng([seed, number, draw])
                chosen = _drawn(taught.labels, fold.taught, size, background, rng)
                head = teach(taught.take(chosen), classes, choice)
                right += int((head.logits(test.plain).argmax(axis=1) == test.labels).sum())
                tests += len(test)
                if len(chosen) == len(fold.taught):
                    break
        count, accuracy = sum(len(fold.tested) for fold in folds), right / tests
        points.append(Point(size, accuracy, wilson(accuracy, count), 1 - wilson(1 - accuracy, count)))
    return [*points[:-1], points[-1]._replace(photos=largest)]


def _drawn(
    labels: NDArray[np.int64],
    places: NDArray[np.int64],
    size: int,
    background: int | None,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw at most `size` photos of each class, and all of the background."""
    own = labels[places]
    drawn = [rng.permutation(places[own == k])[: None if k == background else size] for k in np.unique(own)]
    return np.concatenate(drawn)


def forecast(curve: Sequence[Point]) -> float | None:
    """Return the gain in accuracy that twice the photos would give, 0 to 1; None where it can't be told.

    The error falls with a power of the number of photos (C. Cortes et al., NIPS 1993): a line through the
    logarithms of the last points. So it falls ever more slowly, and the gain is at most that of the last
    doubling.
    """
    points = [p for p in curve if p.accuracy < 1][-_RECENT:]
    if len(points) < _LEAST or curve[-1].accuracy >= 1 or points[-1].photos < _SPAN * points[0].photos:
        return None
    sizes = np.log([p.photos for p in points])
    errors = np.log([1 - p.accuracy for p in points])
    slope = min(0.0, float(np.polyfit(sizes, errors, 1)[0]))
    last = curve[-1].accuracy
    doubled = last - float(np.interp(sizes[-1] - np.log(2), sizes, [p.accuracy for p in points]))
    return max(0.0, min(float((1 - last) * (1 - 2**slope)), doubled))


def enough(curve: Sequence[Point]) -> str:
    """Return the sentence that follows from a learning curve."""
    last = curve[-1]
    if last.accuracy >= 1:
        return f"More photos can't be shown to help: all test photos are right with {last.photos} a class."
    gain = forecast(curve)
    if gain is None:
        return f"With {last.photos} photos a class it can't be told what more would give: add some and see."
    if gain < _HARDLY:
        return f"Twice the photos would hardly help: about {gain * 100:+.1f} points."
    return f"Twice the photos would give about {gain * 100:+.1f} points."
