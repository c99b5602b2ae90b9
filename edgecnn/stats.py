"""What a live run amounts to: counts, frame rate and latencies, while it runs and at its end."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from edgecnn.latency import Spread

if TYPE_CHECKING:
    from edgecnn.frame import Result

STAGES = ("preprocess", "inference", "decode", "total", "age")
# Percentiles are those of the latest frames, so that a loop that runs for days does not grow.
WINDOW = 10_000
# Those that are shown while it runs: more would take longer to sort than a frame to classify.
RECENT = 500


class Stats:
    """What the loop has seen so far; cheap to keep, worked out when asked."""

    def __init__(self) -> None:
        self.frames = 0
        self.known = 0
        self.correct = 0
        self.unknown = 0
        self.smoothed = False
        self.steady_correct = 0
        # How often the answer was another than that of the result before.
        self.changes = 0
        self.steady_changes = 0
        self._labels: tuple[str, str] | None = None
        self.dropped = 0
        # How many pictures could not be saved, and why the latest one.
        self.unsaved = 0
        self.why_unsaved = ""
        # How often the engine was started again.
        self.restarts = 0
        # How many frames the model answered with NaN or infinity: these are in no other count.
        self.unanswered = 0
        self._moments = deque[float](maxlen=60)
        # Whether the loop waits; the variant of the model that runs, and those that there are.
        self.paused = False
        self.variant = ""
        self.variants: tuple[str, ...] = ()
        # What the model needs of an image; see `Classifier.least_side`.
        self.least_side: int | None = None
        self._latencies: dict[str, dict[str, deque[float]]] = {}
        self.run(self.variant)
        self._first = 0.0
        self._last = 0.0

    def run(self, variant: str) -> None:
        """Say which variant of the model gives the results from now on: the latencies are its own."""
        self.variant = variant
        self._latencies.setdefault(variant, {stage: deque(maxlen=WINDOW) for stage in STAGES})
        self._moments.clear()

    def add(self, result: Result, dropped: int) -> None:
        """Count one result."""
        now = time.monotonic()
        self._first = self._first or now
        self._last = now
        self._moments.append(now)
        self.frames += 1
        self.dropped = dropped
        self.unknown += bool(result.unknown)
        if result.correct is not None:
            self.known += 1
            self.correct += result.correct
            self.steady_correct += bool(result.steady_correct)
        self.smoothed = result.steady is not None
        labels = result.label, result.shown
        if self._labels:
            self.changes += labels[0] != self._labels[0]
            self.steady_changes += labels[1] != self._labels[1]
        self._labels = labels
        t = result.timings
        values = (t.preprocess_ms, t.inference_ms, t.decode_ms, t.total_ms, result.age_ms)
        for stage, value in zip(STAGES, values, strict=True):
            self._latencies[self.variant][stage].append(value)

    def rate(self) -> float:
        """Return frames a second over the latest 60 frames; from any thread."""
        moments = tuple(self._moments)
        span = moments[-1] - moments[0] if moments else 0.0
        return (len(moments) - 1) / span if span else 0.0

    def spreads(self, latest: int = WINDOW, variant: str | None = None) -> dict[str, Spread]:
        """Return the percentiles of each stage over a variant's latest frames, the one that runs for None."""
        latencies = self._latencies[self.variant if variant is None else variant]
        recent = {s: list(islice(reversed(v), latest)) for s, v in latencies.items()}
        return {stage: Spread.of(values) for stage, values in recent.items() if values}

    def summary(self, source: str) -> Summary:
        """Return the figures of the whole run."""
        span = self._last - self._first
        return Summary(
            source=source,
            frames=self.frames,
            seconds=span,
            rate=(self.frames - 1) / span if span else 0.0,
            dropped=self.dropped,
            restarts=self.restarts,
            unanswered=self.unanswered,
            known=self.known,
            correct=self.correct,
            unknown=self.unknown,
            smoothed=self.smoothed,
            changes=self.changes,
            steady_correct=self.steady_correct,
            steady_changes=self.steady_changes,
            spreads={v: s for v in self._latencies if (s := self.spreads(variant=v))},
            failures=(f"pictures not saved: {self.unsaved:,}; {self.why_unsaved}",) if self.unsaved else (),
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """A finished run.

    `known` frames had a true label, `correct` of them were named right; `unknown` frames got no name,
    which is never right. The engine was started again `restarts` times, with one frame lost each. To
    `unanswered` frames the model answered NaN or infinity, so that they are in no other count. The
    answer changed `changes` times from one frame to the next. The steady answers are counted apart;
    without smoothing they are the same. `spreads` has each stage's percentiles by the variant of the
    model, in the order in which they ran. `failures` are reasons why something was not written that should
    have been.
    """

    source: str
    frames: int
    seconds: float
    rate: float
    dropped: int
    restarts: int
    unanswered: int
    known: int
    correct: int
    unknown: int
    smoothed: bool
    changes: int
    steady_correct: int
    steady_changes: int
    spreads: dict[str, dict[str, Spread]]
    failures: tuple[str, ...] = ()

    @property
    def accuracy(self) -> float | None:
        """The share of labels that were right, or None where the truth was not known."""
        return self.correct / self.known if self.known else None

    @property
    def steady_accuracy(self) -> float | None:
        """The same of the steady labels."""
        return self.steady_correct / self.known if self.known else None
