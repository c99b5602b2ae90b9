"""Opens the models that `edgecnn models compare` compares, and evaluates them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from edgecnn.bench.compare import Entrant, accuracy
from edgecnn.bundle.bundle import find
from edgecnn.bundle.input_spec import Given
from edgecnn.errors import OptionError
from edgecnn.evaluation.evaluate import match_labels
from edgecnn.evaluation.session import evaluate_on, open_data, open_variants

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

    from edgecnn.dataset import LayoutName


def open_entrants(
    stack: ExitStack,
    models: list[str],
    engine: str,
    threads: int | Literal["auto"],
    given: Given,
) -> Iterator[Entrant]:
    """Open every model; `given` is for bare files. Models of the same name are named by their path."""
    if twice := next((m for i, m in enumerate(models) if m in models[:i]), None):
        raise OptionError(f"{twice} is named twice: name each model once")
    told = [Given() if find(text).is_dir() else given for text in models]
    opened = [open_variants(stack, text, engine, threads, g) for text, g in zip(models, told, strict=True)]
    names = [next(iter(classifiers.values())).model.name for classifiers in opened]
    for text, name, classifiers in zip(models, names, opened, strict=True):
        yield Entrant(name if names.count(name) == 1 else text, classifiers)


def evaluate_entrants(
    entrants: list[Entrant],
    data: str,
    split: str | None,
    limit: int | None,
    layout: LayoutName,
    corruptions: bool,
) -> list[Entrant]:
    """Return the entrants with their evaluation on the data; labels are checked first."""
    name, source = open_data(data, layout)
    for entrant in entrants:
        known = next(iter(entrant.classifiers.values()))
        match_labels(source.labels, known.labels, entrant.name, name)
    return [
        replace(e, evaluation=evaluate_on(e.classifiers, name, source, corruptions, split, limit))
        for e in entrants
    ]


def require_accuracy(entrants: list[Entrant]) -> None:
    """Raise OptionError where no bundle states an accuracy to plot."""
    if all(accuracy(e, v).top1 is None for e in entrants for v in e.classifiers):
        raise OptionError("--plot draws accuracy, and none is known: add --data D to measure it")
