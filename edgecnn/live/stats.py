"""Counts, frame rate and latencies of a live run, while it runs and at its end."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from edgecnn.latency import Spread
from edgecnn.live.rate import Delivery, Rate
from edgecnn.live.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.frame import Result

STAGES = ("preprocess", "inference", "decode", "total", "age")
# Percentiles are those of the latest frames, so that a loop that runs for days does not grow.
WINDOW = 10_000
# The latest frames for percentiles while it runs: sorting more would take longer than classifying a frame.
RECENT = 500


@dataclass(slots=True)
class Following:
    """How smoothed answers follow the true labels, later than those of single frames.

    The true label changed `true_changes` times. Of the stretches in between, `reached` got a right answer, on
    average `late / reached` frames after they began; `missed` ended before that. From the right answer on
    there were `settled` frames, `right` of them with a right answer.
    """

    true_changes: int = 0
    reached: int = 0
    late: int = 0
    missed: int = 0
    settled: int = 0
    right: int = 0
    _truth: str | None = field(default=None, repr=False)
    _waited: int = field(default=0, repr=False)
    _there: bool = field(default=True, repr=False)

    @property
    def words(self) -> str:
        """The delay and accuracy of smoothed answers in words; empty before one was right."""
        if not self.reached:
            return ""
        late, right = self.late / self.reached, self.right / self.settled
        return f"{late:.1f} frames late on average, then {right:.1%} right"

    @classmethod
    def joined(cls, parts: Sequence[Following]) -> Following:
        """Return the counts of several streams together."""
        names = ("true_changes", "reached", "late", "missed", "settled", "right")
        return cls(**{name: sum(getattr(part, name) for part in parts) for name in names})

    def add(self, truth: str | None, correct: bool) -> None:
        """Count a frame whose true label is known, and whether its smoothed answer is right."""
        if truth != self._truth:
            self.true_changes += self._truth is not None
            self.missed += not self._there
            self._truth, self._waited, self._there = truth, 0, False
        if correct and not self._there:
            self._there = True
            self.reached += 1
            self.late += self._waited
        self._waited += 1
        if self._there:
            self.settled += 1
            self.right += correct


class Stats:
    """The counts of a run so far; cheap to keep, percentiles are computed on request.

    Where a run has several cameras, each has its own, and `camera` is its number, from 0.
    """

    def __init__(self, camera: int = 0) -> None:
        self.camera = camera
        self.frames = 0
        self.known = 0
        self.correct = 0
        self.unknown = 0
        self.smoothed = False
        self.following = Following()
        # How often the answer differed from the one before.
        self.changes = 0
        self.steady_changes = 0
        self._labels: tuple[str, str] | None = None
        self.dropped = 0
        # How many frames could not be saved, and the reason for the latest one.
        self.unsaved = 0
        self.why_unsaved = ""
        # How often the engine was restarted.
        self.restarts = 0
        # How many frames the model answered with NaN or infinity; no other count includes them.
        self.unanswered = 0
        self._rate = Rate()
        # Whether the loop is paused; the current variant, and all variants.
        self.paused = False
        self.variant = ""
        self.variants: tuple[str, ...] = ()
        # The settings in force, and what the camera delivers.
        self.settings = Settings()
        self.delivery = Delivery()
        # The least side of an image; see `Classifier.least_side`.
        self.least_side: int | None = None
        self._latencies: dict[str, dict[str, deque[float]]] = {}
        self.run(self.variant)
        self._first = 0.0
        self._last = 0.0

    def run(self, variant: str) -> None:
        """Set the variant of the model from now on; each variant has its own latencies."""
        self.variant = variant
        self._latencies.setdefault(variant, {stage: deque(maxlen=WINDOW) for stage in STAGES})
        self._rate.clear()

    def add(self, result: Result, dropped: int) -> None:
        """Count one result."""
        now = time.monotonic()
        self._first = self._first or now
        self._last = now
        self._rate.add()
        self.frames += 1
        self.dropped = dropped
        self.unknown += bool(result.unknown)
        if result.correct is not None:
            self.known += 1
            self.correct += result.correct
            if result.steady is not None:
                self.following.add(result.frame.truth, bool(result.steady_correct))
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
        return self._rate.per_s()

    def spreads(self, latest: int = WINDOW, variant: str | None = None) -> dict[str, Spread]:
        """Return the percentiles of each stage over a variant's latest frames, the current one for None."""
        latencies = self._latencies[self.variant if variant is None else variant]
        recent = {s: list(islice(reversed(v), latest)) for s, v in latencies.items()}
        return {stage: Spread.of(values) for stage, values in recent.items() if values}

    def totals(self, latest: int = WINDOW) -> dict[str, Spread]:
        """Return the percentiles of `total` over the latest frames of each variant that has run."""
        totals = {v: list(islice(reversed(stages["total"]), latest)) for v, stages in self._latencies.items()}
        return {variant: Spread.of(values) for variant, values in totals.items() if values}

    @staticmethod
    def joined_spreads(cameras: Sequence[Stats]) -> dict[str, dict[str, Spread]]:
        """Return each stage's percentiles by variant, over the latest frames of all cameras."""
        joined: dict[str, dict[str, list[float]]] = {}
        for stats in cameras:
            for variant, stages in stats._latencies.items():
                for stage, values in stages.items():
                    joined.setdefault(variant, {}).setdefault(stage, []).extend(values)
        return {
            variant: {stage: Spread.of(values) for stage, values in stages.items()}
            for variant, stages in joined.items()
            if stages["total"]
        }

    @property
    def span(self) -> tuple[float, float] | None:
        """The monotonic times of the first and the newest result, in seconds; None before one."""
        return (self._first, self._last) if self._first else None

    def summary(self, source: str) -> Summary:
        """Return the counts of the whole run."""
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
            following=replace(self.following),
            steady_changes=self.steady_changes,
            spreads={v: s for v in self._latencies if (s := self.spreads(variant=v))},
            failures=(f"frames not saved: {self.unsaved:,}; {self.why_unsaved}",) if self.unsaved else (),
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """A finished run.

    `known` frames had a true label, and `correct` of them the right answer; the answer to `unknown` frames
    was unknown, which is never right. The engine was restarted `restarts` times, with one frame lost each.
    The model answered NaN or infinity to `unanswered` frames, which no other count includes. The answer
    changed `changes` times from one frame to the next, the smoothed one `steady_changes` times; `following`
    says how it follows the true labels. `spreads` has each stage's percentiles by variant, in the order in
    which they ran. `failures` are the reasons why a file is incomplete or missing, or why a camera ended
    before the others. Of a run with several cameras `cameras` has the summary of each.
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
    following: Following
    steady_changes: int
    spreads: dict[str, dict[str, Spread]]
    failures: tuple[str, ...] = ()
    cameras: tuple[Summary, ...] = ()

    @property
    def accuracy(self) -> float | None:
        """The share of right answers, None where no true label was known."""
        return self.correct / self.known if self.known else None


def join_summaries(cameras: Sequence[Stats], sources: Sequence[str]) -> Summary:
    """Return the counts of all cameras of a run together; `sources` describes each."""
    each = [stats.summary(source) for stats, source in zip(cameras, sources, strict=True)]
    if len(each) == 1:
        return each[0]
    spans = [span for stats in cameras if (span := stats.span)]
    seconds = max(last for _, last in spans) - min(first for first, _ in spans) if spans else 0.0
    frames = sum(one.frames for one in each)
    return Summary(
        source=", ".join(sources),
        frames=frames,
        seconds=seconds,
        rate=(frames - 1) / seconds if seconds else 0.0,
        dropped=sum(one.dropped for one in each),
        restarts=sum(one.restarts for one in each),
        unanswered=sum(one.unanswered for one in each),
        known=sum(one.known for one in each),
        correct=sum(one.correct for one in each),
        unknown=sum(one.unknown for one in each),
        smoothed=any(one.smoothed for one in each),
        changes=sum(one.changes for one in each),
        following=Following.joined([one.following for one in each]),
        steady_changes=sum(one.steady_changes for one in each),
        spreads=Stats.joined_spreads(cameras),
        failures=tuple(chain.from_iterable(one.failures for one in each)),
        cameras=tuple(each),
    )
