"""Opens a classifier for a command or a run."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from edgecnn.defaults import AUTO
from edgecnn.io.quiet import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.bundle.input_spec import Given
    from edgecnn.classify.classifier import Classifier


@contextmanager
def open_classifier(
    model: str,
    variant: str | None,
    engine: str,
    threads: int | Literal["auto"],
    given: Given | None = None,
    threshold: float | None = None,
    deadline_ms: float | None = None,
    *,
    strict: bool = False,
    side_by_side: bool = False,
) -> Iterator[Classifier]:
    """Open a classifier for a command: its notices are printed to stderr.

    The variant `auto` is the fastest one, measured once; see `find_fastest`, also for `side_by_side`. OpenCV
    gets as many threads as the model. See `load` for the other arguments and errors.
    """
    import cv2

    from edgecnn.bundle.input_spec import Given
    from edgecnn.classify.loader import load

    given = given or Given()
    if variant == AUTO:
        from edgecnn.classify.fastest import find_fastest

        fastest = find_fastest(model, variant, engine, threads, given, side_by_side=side_by_side)
        if fastest:
            say(str(fastest))
        variant, engine = (fastest.way.variant, fastest.way.engine) if fastest else (None, engine)
    with load(
        model,
        variant,
        engine,
        threads,
        labels=given.labels,
        value_range=given.value_range,
        fit=given.fit,
        color=given.color,
        scores=given.scores,
        output=given.output,
        input_size=given.size,
        threshold=threshold,
        deadline_ms=deadline_ms,
        strict=strict,
    ) as classifier:
        cv2.setNumThreads(classifier.threads)
        for notice in classifier.notices:
            say(notice)
        yield classifier
