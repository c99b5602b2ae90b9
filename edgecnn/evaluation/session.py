"""Opens what `edgecnn evaluate` measures, and measures it with a progress bar."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from edgecnn.classify.opening import open_classifier
from edgecnn.dataset import data_name, left_out, locate, open_source
from edgecnn.evaluation.corruption import NAMES
from edgecnn.evaluation.evaluate import (
    choose,
    evaluate_variants,
    evaluated,
    match_labels,
    seen_in_training,
    select,
)
from edgecnn.io.printable import echo, open_console, printable
from edgecnn.io.quiet import say

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack

    from edgecnn.bundle.input_spec import Given
    from edgecnn.classify.classifier import Classifier
    from edgecnn.dataset import LayoutName, Source
    from edgecnn.evaluation.result import Evaluation

# The most unreadable images that are listed.
_NAMED = 5
# How often the progress bar is drawn.
_REFRESH_S = 0.1


def open_variants(
    stack: ExitStack, model: str, engine: str, threads: int | Literal["auto"], given: Given
) -> dict[str, Classifier]:
    """Open the variants that are measured, by name; see `evaluated`."""
    opened = (open_classifier(model, name, engine, threads, given) for name in evaluated(model))
    classifiers = (stack.enter_context(classifier) for classifier in opened)
    return {classifier.model.variant: classifier for classifier in classifiers}


def evaluate_on(
    classifiers: Mapping[str, Classifier],
    name: str,
    source: Source,
    corruptions: bool,
    split: str | None,
    limit: int | None,
    workers: int = 1,
) -> Evaluation:
    """Evaluate a model's variants on a dataset with a progress bar; notes go to stderr.

    `workers` is that of `evaluate_variants`.
    """
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    known = next(iter(classifiers.values())).model
    match_labels(source.labels, known.labels, known.name, name)
    items = choose(select(source.items, split, name), limit)
    if known.scores == "multi-label":
        rule = "an image counts as right where its class has the highest score"
        echo(f"note: {known.name} is multi-label: {rule}", err=True)
    if known.bundle and (note := seen_in_training(known.bundle, name, items)):
        echo(printable(note), err=True)
    console = open_console(stderr=True)
    bar = Progress(
        *Progress.get_default_columns()[:2],
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        auto_refresh=False,  # by a thread, and a process with two can't be forked
    )
    shown_s = 0.0

    def show(done: int) -> None:
        nonlocal shown_s
        bar.update(task, completed=done)
        if (now := time.monotonic()) - shown_s > _REFRESH_S:
            shown_s = now
            bar.refresh()

    with bar:
        task = bar.add_task("evaluating", total=len(items))
        result = evaluate_variants(
            classifiers,
            source,
            items,
            data=name,
            corruptions=NAMES if corruptions else (),
            progress=show,
            workers=workers,
        )
    for reason in result.skipped[:_NAMED]:
        echo(printable(f"skipped: {reason}"), err=True)
    if len(result.skipped) > _NAMED:
        echo(f"skipped {len(result.skipped)} of {len(items)} images", err=True)
    return result


def open_data(text: str, layout: LayoutName = "auto") -> tuple[str, Source]:
    """Open a dataset and return it with its name; notes on files left out go to stderr."""
    path = locate(text)
    source = open_source(path, layout)
    for note in left_out(source):
        say(note)
    return data_name(path), source
