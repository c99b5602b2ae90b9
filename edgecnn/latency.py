"""Figures about time: percentiles and the interval of a ratio. Pure Python, no dependencies."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def percentile(values: Sequence[float], q: float) -> float:
    """Return the `q`-th percentile (0 to 100), interpolated linearly between the two nearest ranks.

    This is type 7 of Hyndman & Fan (1996), the default of numpy and R. Raises ValueError for no values.
    """
    if not values:
        raise ValueError("a percentile needs at least one value")
    ordered = sorted(values)
    rank = (len(ordered) - 1) * q / 100
    low = int(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


@dataclass(frozen=True, slots=True)
class Spread:
    """What is shown of one stage's latencies: the least and the percentiles, in milliseconds."""

    min_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float

    @classmethod
    def of(cls, values_ms: Sequence[float]) -> Spread:
        """Summarize some latencies; at least one is needed."""
        ordered = sorted(values_ms)  # sorting again what is sorted costs next to nothing
        return cls(ordered[0], *(percentile(ordered, q) for q in (50, 90, 99)))

    def as_dict(self) -> dict[str, float]:
        """Return them under the names that every JSON output uses."""
        return {
            "min": round(self.min_ms, 4),
            "p50": round(self.p50_ms, 4),
            "p90": round(self.p90_ms, 4),
            "p99": round(self.p99_ms, 4),
        }


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of medians with its 95 % interval."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Return it as every JSON output has it."""
        return {"value": round(self.value, 4), "low": round(self.low, 4), "high": round(self.high, 4)}

    def __str__(self) -> str:
        return f"{self.value:.2f}× (95 % interval {self.low:.2f}–{self.high:.2f})"


def ratio_of_medians(
    numerator: Sequence[Sequence[float]],
    denominator: Sequence[Sequence[float]],
    resamples: int = 1000,
    seed: int = 0,
) -> Ratio:
    """Return median(numerator) / median(denominator) with a 95 % bootstrap interval.

    Both are lists of blocks measured alternately, block i of one right beside block i of the other. Whole
    pairs of blocks are resampled, because neighbouring latencies are not independent (the block bootstrap:
    Künsch 1989; percentile interval: Efron & Tibshirani 1993, chapter 13). To keep a thousand resamples
    quick, a resample's median is that of its blocks' medians.
    """
    if len(numerator) != len(denominator) or not numerator:
        raise ValueError(f"blocks come in pairs: got {len(numerator)} and {len(denominator)}")
    value = percentile([x for block in numerator for x in block], 50) / percentile(
        [x for block in denominator for x in block], 50
    )
    pairs = [(percentile(a, 50), percentile(b, 50)) for a, b in zip(numerator, denominator, strict=True)]
    rng = random.Random(seed)  # noqa: S311 - a bootstrap, nothing secret
    ratios = []
    for _ in range(resamples):
        chosen = rng.choices(pairs, k=len(pairs))
        ratios.append(percentile([a for a, _ in chosen], 50) / percentile([b for _, b in chosen], 50))
    return Ratio(value, min(value, percentile(ratios, 2.5)), max(value, percentile(ratios, 97.5)))


def ratio_of_runs(
    numerator: Sequence[float], denominator: Sequence[float], resamples: int = 1000, seed: int = 0
) -> Ratio:
    """Return median(numerator) / median(denominator) with a 95 % bootstrap interval, for two runs apart.

    Both are the medians of blocks. They were not measured side by side, so each is resampled by itself. The
    interval knows only what varied within the runs. Raises ValueError for no values.
    """
    value = percentile(numerator, 50) / percentile(denominator, 50)
    rng = random.Random(seed)  # noqa: S311 - a bootstrap, nothing secret
    ratios = [
        percentile(rng.choices(numerator, k=len(numerator)), 50)
        / percentile(rng.choices(denominator, k=len(denominator)), 50)
        for _ in range(resamples)
    ]
    return Ratio(value, min(value, percentile(ratios, 2.5)), max(value, percentile(ratios, 97.5)))
