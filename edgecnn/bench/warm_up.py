"""Warm-up: running until the latency is stable, with caches, clock and memory settled."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# A batch is long enough for a meaningful median, for a fast model and for a slow one.
BATCH_RUNS, BATCH_MS, MOST_BATCH_RUNS = 10, 20.0, 1000
SAME = 0.02
LIMIT_MS = 2000.0


@dataclass(frozen=True, slots=True)
class WarmUp:
    """The number of runs, their total time in ms, and whether the latency became stable."""

    runs: int
    ms: float
    steady: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self) | {"ms": round(self.ms, 1)}


def warm_up(run: Callable[[], float], limit_ms: float = LIMIT_MS) -> WarmUp:
    """Run in batches until the medians of two in a row differ by at most 2 %.

    A batch has at least 10 runs and takes at least 20 ms. After two seconds no further batch begins, except
    the second one.

    Parameters
    ----------
    run
        Runs once, and returns how long it took, in ms.
    """
    runs, passed = 0, 0.0
    last: float | None = None
    while True:
        batch: list[float] = []
        while len(batch) < BATCH_RUNS or (sum(batch) < BATCH_MS and len(batch) < MOST_BATCH_RUNS):
            batch.append(run())
        runs, passed, middle = runs + len(batch), passed + sum(batch), median(batch)
        if last is not None:
            if abs(middle - last) <= SAME * min(middle, last):
                return WarmUp(runs, passed, steady=True)
            if passed >= limit_ms:
                return WarmUp(runs, passed, steady=False)
        last = middle
