"""Latency statistics: percentiles, and the confidence interval of a ratio. Pure Python."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, stdev
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Key = TypeVar("Key")

# Two runs of the same program differ by some percent that no interval within a run contains: memory layout,
# shared caches. In 95 % of cases by no more than this.
BETWEEN_RUNS = 0.03
# Number of batches to measure drift, and Student's t at 97.5 % with 1 to 7 degrees of freedom.
BATCHES = 8
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365)


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


def interleaved_medians(
    runs: Mapping[Key, Callable[[], object]],
    limit_s: float,
    least: int,
    most: int = 200,
    warm_up: int = 3,
    pause_s: float = 0.0,
) -> dict[Key, float]:
    """Return the median duration of each run in ms; each round runs all of them, in a shuffled order.

    Rounds end after `limit_s`, but there are at least `least` and at most `most`. The first `warm_up` do not
    count, where there are more. Before each run it waits for `pause_s`.
    """
    order, keys = random.Random(0), list(runs)  # noqa: S311 - nothing secret
    took: dict[Key, list[float]] = {key: [] for key in keys}
    end = time.perf_counter() + limit_s
    for rounds in range(most):
        if rounds >= least and time.perf_counter() > end:
            break
        for key in order.sample(keys, len(keys)):
            time.sleep(pause_s)
            start = time.perf_counter()
            runs[key]()
            took[key].append((time.perf_counter() - start) * 1e3)
    return {key: median(times[min(warm_up, len(times) - 1) :]) for key, times in took.items()}


@dataclass(frozen=True, slots=True)
class Spread:
    """One stage's latencies: minimum and percentiles, in milliseconds."""

    min_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float

    @classmethod
    def of(cls, values_ms: Sequence[float]) -> Spread:
        """Summarize some latencies; at least one is needed."""
        ordered = sorted(values_ms)  # sorting sorted values again costs next to nothing
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
    """A ratio of medians, and the 95 % interval in which another run's would lie.

    The interval is 0 to infinity if the variation is unknown, as with a single block, and NaN if the run was
    not quiet, so that none should be stated.
    """

    value: float
    low: float
    high: float

    def without_interval(self) -> Ratio:
        """Return it for a run that was not quiet."""
        return Ratio(self.value, math.nan, math.nan)

    @property
    def interval(self) -> str:
        """The interval as a table shows it; empty if none should be stated."""
        return "" if math.isnan(self.low) else f"{self.low:.2f}–{self.high:.2f}"

    @property
    def in_short(self) -> str:
        """The ratio and its interval as a table shows them."""
        return f"{self.value:.2f}" + (f" ({self.interval})" if self.interval else "")

    def as_dict(self) -> dict[str, float | None]:
        """Return it as every JSON output has it; null for an unknown limit."""
        limits = {"low": self.low, "high": self.high}
        return {
            "value": round(self.value, 4),
            **{name: round(at, 4) if math.isfinite(at) else None for name, at in limits.items()},
        }

    def __str__(self) -> str:
        if not self.interval:
            return f"{self.value:.2f}× (no interval: not a quiet run)"
        return f"{self.value:.2f}× (95 % interval {self.interval})"


def ratio_of_medians(numerator: Sequence[Sequence[float]], denominator: Sequence[Sequence[float]]) -> Ratio:
    """Return median(numerator) / median(denominator) with its 95 % interval.

    Both are lists of blocks measured alternately, block i of one right after block i of the other, so that
    what slows both leaves the ratios of neighbours unchanged. See `reach` for the interval. Raises
    ValueError if the blocks do not come in pairs.
    """
    if len(numerator) != len(denominator) or not numerator:
        raise ValueError(f"blocks come in pairs: got {len(numerator)} and {len(denominator)}")
    value = percentile([x for block in numerator for x in block], 50) / percentile(
        [x for block in denominator for x in block], 50
    )
    pairs = zip(numerator, denominator, strict=True)
    factor = math.exp(reach([percentile(a, 50) / percentile(b, 50) for a, b in pairs]))
    return Ratio(value, value / factor, value * factor)


def ratio_of_runs(numerator: Sequence[float], denominator: Sequence[float]) -> Ratio:
    """Return median(numerator) / median(denominator) with its 95 % interval, for two separate runs.

    Both are the medians of blocks. They were not measured together, so each varies on its own. Raises
    ValueError for no values.
    """
    value = percentile(numerator, 50) / percentile(denominator, 50)
    factor = math.exp(math.hypot(reach(numerator), reach(denominator)))
    return Ratio(value, value / factor, value * factor)


def reach(blocks: Sequence[float]) -> float:
    """Return how far the logarithm of another run's value may lie from this run's, with 95 %.

    The blocks are cut into eight batches, in order, and each becomes its median: on a machine that drifts,
    neighbouring blocks are alike, and a bootstrap, which draws blocks at random, would take them for
    independent. The spread of the batches' logarithms gives the interval for one more batch (Student's t, a
    prediction interval): another run is no better than another batch. The variation between runs that never
    shows within one is added: `BETWEEN_RUNS`. docs/bench.md says how often that holds.
    """
    count = min(BATCHES, len(blocks))
    if count < 2:  # one batch says nothing about variation
        return math.inf
    cuts = [k * len(blocks) // count for k in range(count + 1)]
    logs = [math.log(percentile(blocks[a:b], 50)) for a, b in pairwise(cuts)]
    within = _STUDENT[count - 2] * stdev(logs) * math.sqrt(1 + 1 / count)
    return math.hypot(within, BETWEEN_RUNS)
