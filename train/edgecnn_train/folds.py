"""Estimates by k folds for small sets: every image is tested once, by a network that never saw it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

import keras
import numpy as np

from edgecnn.bundle.bundle import Model
from edgecnn.classify.classifier import Classifier
from edgecnn.dataset.folds import fold_items, possible_folds
from edgecnn.engine import open_engine
from edgecnn.errors import DataError
from edgecnn.tflite.file import read_tflite
from edgecnn_train.background import GENERATED
from edgecnn_train.data import divide
from edgecnn_train.fit import fit
from edgecnn_train.judge import judge
from edgecnn_train.models import build
from edgecnn_train.negatives import load_negatives
from edgecnn_train.progress import clock, doing
from edgecnn_train.quantize.variants import files_of
from edgecnn_train.splits import SMALL_CLASS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from edgecnn.dataset import Source
    from edgecnn_train.data import PreparedImages
    from edgecnn_train.fit import Fitted
    from edgecnn_train.judge import Judged
    from edgecnn_train.negatives import Negatives
    from edgecnn_train.plan import Plan
    from edgecnn_train.progress import Show
    from edgecnn_train.recipe import Recipe
    from edgecnn_train.splits import Dataset


# Negatives that choose a fold's threshold, and as many that measure it: all folds together have enough.
_NEGATIVES = 250


@dataclass(frozen=True, slots=True)
class FoldEstimate:
    """int8's top-1 (0 to 1) on each fold, the epoch that each kept, and how many images all have."""

    top1: tuple[float, ...]
    epochs: tuple[int, ...]
    pictures: int

    @property
    def mean(self) -> float:
        """The mean over the folds."""
        return float(np.mean(self.top1))

    @property
    def deviation(self) -> float:
        """The standard deviation of one fold."""
        return float(np.std(self.top1, ddof=1))

    @property
    def epoch(self) -> int:
        """How many epochs the network that learns from all images gets: the median of the kept ones."""
        return round(median(self.epochs))

    def __str__(self) -> str:
        return (
            f"{self.mean:.1%} ± {self.deviation:.1%} (mean and deviation of {len(self.top1)} folds, "
            f"{self.pictures:,} images, each tested once)"
        )


def is_small(source: Source) -> bool:
    """Whether a set has no official test and fewer than `SMALL_CLASS` images in some class."""
    counts = np.bincount([i.label for i in source.items], minlength=len(source.labels))
    return not any(i.split == "test" for i in source.items) and int(counts.min()) < SMALL_CLASS


@dataclass(frozen=True, slots=True)
class Folds:
    """A source's images, each time with another part of them as the test.

    `parts` share the images themselves; `training` says how many of them each fold trains on.
    """

    source: Source
    parts: tuple[PreparedImages, ...]
    training: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.parts)

    def data(self, number: int, recipe: Recipe) -> Dataset:
        """Return the splits of a fold, from 1."""
        return divide(self.source, self.parts[number - 1], recipe)


def make_folds(
    source: Source, images: PreparedImages, recipe: Recipe, say: Callable[[str], None]
) -> Folds | None:
    """Divide images into folds.

    None where the images' groups can't be divided so that every split has every class; `say` gets the
    reason.
    """
    count = min(recipe.data.folds, possible_folds(images.whole.items))
    if count < 2:
        say("no estimate by folds: the images of a class are all in one group")
        return None
    parts, training = [], []
    for number, items in enumerate(fold_items(images.whole.items, count, recipe.train.seed), 1):
        part = replace(images, whole=replace(images.whole, items=items))
        try:
            training.append(len(divide(source, part, recipe).train))
        except DataError as error:
            say(f"no estimate by folds, fold {number} of {count} can't be made: {error}")
            return None
        parts.append(part)
    return Folds(source, tuple(parts), tuple(training))


def trained(
    recipe: Recipe, data: Dataset, folder: Path, say: Callable[[str], None], show: Show, plan: Plan
) -> Fitted:
    """Train the recipe on one fold's training images; a stopped training continues from `folder`."""
    keras.utils.set_random_seed(recipe.train.seed)
    network = build(recipe.model, data.input, len(data.labels))
    return fit(network, data, recipe, folder, say, show, plan=plan)


def tested(recipe: Recipe, data: Dataset, negatives: Negatives, fitted: Fitted, folder: Path) -> Judged:
    """Quantize one fold's network and judge it on the images that it never saw, through `Classifier`."""
    if recipe.unknown.negatives == GENERATED:
        negatives = load_negatives(data, recipe, _NEGATIVES)
    files = files_of(fitted.model, data, recipe, folder, lambda _: None)
    with ExitStack() as opened:
        variants = {}
        for name, content in files.items():
            file = read_tflite(content, name)
            model = Model(recipe.name, name, content, file, data.labels, data.input, None)
            variants[name] = opened.enter_context(Classifier(model, open_engine("auto", model)))
        return judge(data, recipe, negatives, variants, fitted)


def estimate(
    recipe: Recipe,
    folds: Folds,
    first: Judged,
    negatives: Negatives,
    work: Path,
    say: Callable[[str], None],
    show: Show,
    plan: Plan,
) -> list[Judged]:
    """Train and judge the recipe on all folds but the first, which was judged already, and return all.

    Complete and partial trainings are in `work`, so that a stopped run continues there.
    """
    found = [first]
    say(_line(1, len(folds), first, plan))
    quiet: Show = "bar" if show == "bar" else "none"
    for number in range(2, len(folds) + 1):
        data = folds.data(number, recipe)
        folder, name = work / f"fold-{number}", f"fold {number} of {len(folds)}"
        with plan.step(name):
            fitted = trained(recipe, data, folder, _say_nothing, quiet, plan)
        with doing(plan, f"testing {name}", quiet, _say_nothing):
            found.append(tested(recipe, data, negatives, fitted, folder))
        say(_line(number, len(folds), found[-1], plan))
    return found


def _say_nothing(_: str) -> None:
    """Leave a fold to its one line at the end."""


def summary(judged: Sequence[Judged]) -> FoldEstimate:
    """Summarize the folds."""
    return FoldEstimate(
        tuple(j.result.int8_top1 for j in judged),
        tuple(j.fitted.best_epoch for j in judged),
        sum(j.result.pictures for j in judged),
    )


def as_dict(found: FoldEstimate) -> dict[str, object]:
    """Return an estimate as the manifest has it."""
    return asdict(found) | {"mean": found.mean, "deviation": found.deviation}


def _line(number: int, count: int, judged: Judged, plan: Plan) -> str:
    return (
        f"fold {number} of {count}: int8 {judged.result.int8_top1:.1%} of {judged.result.pictures} images; "
        f"ETA {clock(plan.later())}"
    )
