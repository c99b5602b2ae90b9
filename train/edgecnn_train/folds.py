"""k-fold estimates for small sets: every picture is in the test once, by a network that never saw it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import keras
import numpy as np

from edgecnn.errors import DataError
from edgecnn_train.data import divide, read_pictures
from edgecnn_train.fit import fingerprint, fit
from edgecnn_train.models import build
from edgecnn_train.notes import remember
from edgecnn_train.quantize.parity import answers
from edgecnn_train.quantize.variants import int8_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from edgecnn.dataset import Item, Source
    from edgecnn_train.data import DataSet
    from edgecnn_train.recipe import Recipe

# With fewer pictures in some class than this, a fifth of them is too few for a test.
SMALL_CLASS = 50


@dataclass(frozen=True, slots=True)
class FoldEstimate:
    """int8's top-1 (0 to 1) on each fold, and how many pictures all folds have."""

    top1: tuple[float, ...]
    pictures: int

    @property
    def mean(self) -> float:
        """The mean over the folds."""
        return float(np.mean(self.top1))

    @property
    def deviation(self) -> float:
        """The standard deviation of one fold."""
        return float(np.std(self.top1, ddof=1))

    def __str__(self) -> str:
        return (
            f"{self.mean:.1%} ± {self.deviation:.1%} (mean and deviation of {len(self.top1)} folds, "
            f"{self.pictures:,} pictures, each tested once)"
        )


def is_small(source: Source) -> bool:
    """Whether a set has no official test and fewer than `SMALL_CLASS` pictures in some class."""
    counts = np.bincount([i.label for i in source.items], minlength=len(source.labels))
    return not any(i.split == "test" for i in source.items) and int(counts.min()) < SMALL_CLASS


def fold_items(items: Sequence[Item], count: int, seed: int) -> list[tuple[Item, ...]]:
    """Return `count` times these items, each time with another part of them as the test.

    Classes are spread evenly over the folds, by lot; the pictures of a group stay in one fold.
    """
    rng = np.random.default_rng([seed, 300])
    classes = max(i.label for i in items) + 1
    fold_of = np.zeros(len(items), np.int64)
    filled = np.zeros((count, classes), np.int64)
    units: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        units.setdefault(_unit(item), []).append(place)
    for name in rng.permutation(sorted(units)):
        labels = np.bincount([items[p].label for p in units[name]], minlength=classes)
        # Where its classes are fewest; of equal folds the emptiest.
        fold = min(range(count), key=lambda f: (int(filled[f] @ labels), int(filled[f].sum()), f))
        filled[fold] += labels
        fold_of[units[name]] = fold
    return [
        tuple(replace(i, split="test" if f == k else "train") for i, f in zip(items, fold_of, strict=True))
        for k in range(count)
    ]


def possible_folds(items: Sequence[Item]) -> int:
    """Return how many folds can each test every class: as many as the rarest class has groups.

    A picture that is in no group is one of its own.
    """
    units: dict[int, set[str]] = {}
    for item in items:
        units.setdefault(item.label, set()).add(_unit(item))
    return min(len(u) for u in units.values())


def _unit(item: Item) -> str:
    """Return the name of what stays together: the item's group, or itself."""
    return f"group {item.group}" if item.group else f"picture {item.id}"


def estimate(recipe: Recipe, source: Source, work: Path, say: Callable[[str], None]) -> FoldEstimate | None:
    """Train the recipe once for each fold and measure int8 on what was left out.

    Folds that are done are kept in `work`, so that a run that was stopped goes on with the next. None where
    the pictures' groups can't be divided so that every split has every class; `say` is told.
    """
    found: list[float] = []
    pictures = read_pictures(source, recipe, lambda _: None)
    count = min(recipe.data.folds, possible_folds(pictures.whole.items))
    folds = fold_items(pictures.whole.items, count, recipe.train.seed)
    for number, items in enumerate(folds, 1):
        folder = work / f"fold-{number}"
        fold = replace(pictures, whole=replace(pictures.whole, items=items))
        try:
            data = divide(source, fold, recipe)
        except DataError as error:
            say(f"no estimate by folds, fold {number} of {count} can't be made: {error}")
            return None
        test = partial(_test, recipe, data, folder)
        top1 = remember(
            folder / "top1.json", [fingerprint(data, recipe), asdict(recipe.quantize)], test, _is_share
        )
        say(f"fold {number} of {len(folds)}: int8 {top1:.1%} of {len(data.test)} pictures")
        found.append(top1)
    return FoldEstimate(tuple(found), len(pictures.whole))


def as_dict(found: FoldEstimate) -> dict[str, object]:
    """Return an estimate as the manifest has it."""
    return asdict(found) | {"mean": found.mean, "deviation": found.deviation}


def _is_share(top1: float) -> bool:
    return 0 <= top1 <= 1


def _test(recipe: Recipe, data: DataSet, folder: Path) -> float:
    """Train the recipe on one fold's training pictures and return int8's top-1 on its test."""
    keras.utils.set_random_seed(recipe.train.seed)
    network = build(recipe.model, data.input, len(data.labels))
    fitted = fit(network, data, recipe, folder, lambda _: None, show="none")
    content = int8_of(fitted.model, data, recipe, folder, lambda _: None)
    named = answers(content, data.test.images).argmax(axis=1)
    return float(np.mean(named == data.test.labels))
