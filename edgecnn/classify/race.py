"""Measures the ways to run a model against one another: `python -m edgecnn.classify.race REQUEST`."""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from functools import partial
from typing import Any, Literal

from edgecnn.bundle.input_spec import Given
from edgecnn.classify.fastest import LONGEST_REASON, RaceResult, Way
from edgecnn.classify.golden import golden_images
from edgecnn.classify.opening import open_classifier
from edgecnn.errors import EdgeCnnError, ModelError
from edgecnn.io.json_text import to_json
from edgecnn.io.printable import echo
from edgecnn.latency import interleaved_medians

# Between frames, as a camera's: caches lose what an engine needs, and some engines need more than others.
PAUSE_S = 0.02
# For all ways together. Of a slow model not every way may get its turn.
MEASURE_S = 0.8
_HEIGHT, _WIDTH = 480, 640


def measure(model: str, ways: list[Way], threads: int | Literal["auto"], given: Given) -> RaceResult:
    """Open all ways, classify frames by each in turn for `MEASURE_S`, and return what was measured."""
    frames = list(golden_images(_HEIGHT, _WIDTH, 3))
    refused: list[str] = []
    lasts = True
    left_s = MEASURE_S
    with ExitStack() as stack:
        runs = {}
        for way in ways:
            if left_s <= 0:
                refused.append(f"{way} was not measured: the others took too long")
                continue
            try:
                opened = open_classifier(model, way.variant, way.engine, threads, given)
                run = partial(_classify_next, stack.enter_context(opened), frames)
                start = time.perf_counter()
                run()  # which warms it up
            except EdgeCnnError as error:  # it does not open, or answers NaN
                refused.append(f"{way} is left out: {error}"[:LONGEST_REASON])
                lasts &= isinstance(error, ModelError)
                continue
            runs[way] = run
            left_s -= time.perf_counter() - start
        medians_ms = interleaved_medians(runs, left_s, least=1, pause_s=PAUSE_S)
    return RaceResult(medians_ms, tuple(refused), lasts)


def _classify_next(classifier: Any, frames: list[Any]) -> None:
    frames.append(frame := frames.pop(0))
    classifier.classify_timed(frame, 1)


def _tuples(value: Any) -> Any:
    """Return lists as tuples, which JSON does not tell apart."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


if __name__ == "__main__":
    name, asked, count, described = json.loads(sys.argv[1])
    measured = measure(name, [Way(*way) for way in asked], count, Given(*_tuples(described)))
    rows = [[way.variant, way.engine, median] for way, median in measured.medians_ms.items()]
    echo(to_json([rows, measured.refused, measured.lasts]))
