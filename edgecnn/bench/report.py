"""The result of a whole run, and its JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any

from edgecnn.bench.changes import FORMAT, Changes
from edgecnn.bench.ratios import Comparison, compare_all, names
from edgecnn.defaults import VERSION
from edgecnn.machine.board import Board, describe_board, peak_memory_mib
from edgecnn.machine.condition import Condition, doubts
from edgecnn.tflite.arena import arena_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgecnn.bench.accuracy import Accuracies, VariantAccuracy
    from edgecnn.bench.interleaved import Candidate
    from edgecnn.bench.operators import Operators
    from edgecnn.bench.peak import Peak
    from edgecnn.classify.fastest import Fastest
    from edgecnn.machine.energy import Energy


@dataclass(frozen=True, slots=True)
class BenchResult:
    """The result of a whole run. The others are compared with the first candidate.

    `when` is in UTC; `frames` describes the frames; `seed` is that of the order. Optional results: `peaks`,
    the processor's int8 peak by number of threads; `accuracies`; `energy`, its meter; `operators` of the
    first candidate; `fastest`, the way that `live` takes; `changes` since an older run.
    """

    model: str
    when: datetime
    board: Board
    frames: str
    seed: int
    candidates: Sequence[Candidate]
    comparisons: Sequence[Comparison]
    peak_memory_mib: float
    before: Condition
    after: Condition
    peaks: Mapping[int, Peak] = field(default_factory=dict)
    accuracies: Accuracies | None = None
    energy: Energy | None = None
    operators: Operators | None = None
    fastest: Fastest | None = None
    changes: Changes | None = None

    @property
    def names(self) -> dict[str, Candidate]:
        """The candidates by their names in reports."""
        return dict(zip(names(self.candidates), self.candidates, strict=True))

    @property
    def runs(self) -> int:
        """The number of counted runs of each candidate."""
        return sum(map(len, self.candidates[0].blocks))

    @property
    def doubts(self) -> list[str]:
        """Why not to trust the results; nothing for a quiet run. See `edgecnn.machine.condition`."""
        unsteady = [
            f"{name} was not stable after {c.warm_up.runs:,} runs of warm-up"
            for name, c in self.names.items()
            if c.warm_up and not c.warm_up.steady
        ]
        blocks = {name: c.values("total") for name, c in self.names.items()}
        return [*doubts(self.before, self.after, blocks), *unsteady]

    def share_of_peak(self, candidate: Candidate) -> float | None:
        """Return a candidate's multiplications a second as a share of the int8 peak with as many threads."""
        peak, achieved = self.peaks.get(candidate.threads), candidate.macs_per_second()
        return achieved / peak.macs_per_second if peak and achieved is not None else None

    def accuracy(self, candidate: Candidate) -> VariantAccuracy | None:
        """Return a candidate's accuracy, if it was measured."""
        return self.accuracies.of(candidate) if self.accuracies else None

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON; docs/bench.md describes the keys."""
        return {
            "format": FORMAT,
            "edgecnn": VERSION,
            "when": self.when.isoformat(timespec="seconds"),
            "model": self.model,
            "board": self.board.as_dict(),
            "condition": {"before": self.before.as_dict(), "after": self.after.as_dict()},
            "doubts": self.doubts,
            "frames": self.frames,
            "seed": self.seed,
            "runs": self.runs,
            "results": [self._candidate(c) for c in self.candidates],
            "ratios": [c.as_dict() for c in self.comparisons],
            "peaks": [peak.as_dict() for peak in self.peaks.values()],
            "data": self.accuracies and self.accuracies.as_dict(),
            "energy": self.energy and self.energy.as_dict(),
            "operators": self.operators and self.operators.as_dict(),
            "fastest": self.fastest and self.fastest.as_dict(),
            "changes": self.changes and self.changes.as_dict(),
            "peak_memory_mib": round(self.peak_memory_mib, 1),
        }

    def _candidate(self, c: Candidate) -> dict[str, Any]:
        achieved, share, known = c.macs_per_second(), self.share_of_peak(c), self.accuracy(c)
        return _of(c) | {
            "macs_per_second": None if achieved is None else round(achieved),
            "share_of_int8_peak": None if share is None else round(share, 4),
            "accuracy": known and known.as_dict(),
        }


def report(
    model: str,
    candidates: Sequence[Candidate],
    conditions: tuple[Condition, Condition],
    frames: str = "",
    seed: int = 0,
    **known: Any,
) -> BenchResult:
    """Compare measured candidates; `conditions` are those before and after.

    Ratios of a run that was not quiet have no intervals. `known` are the other fields of `BenchResult`.
    """
    found = BenchResult(
        model=model,
        when=datetime.now(UTC),
        board=describe_board(),
        frames=frames,
        seed=seed,
        candidates=candidates,
        comparisons=compare_all(candidates),
        peak_memory_mib=peak_memory_mib(),
        before=conditions[0],
        after=conditions[1],
        **known,
    )
    if found.doubts:
        found = replace(found, comparisons=[c.without_intervals() for c in found.comparisons])
    return found


def _of(c: Candidate) -> dict[str, Any]:
    return {
        "variant": c.variant,
        "threads": c.threads,
        "engine": c.engine,
        "engine_version": c.engine_version or None,
        "sha256": c.sha256,
        "file_bytes": c.file_bytes,
        "macs": c.macs,
        "warm_up": c.warm_up and c.warm_up.as_dict(),
        "cold_start_ms": c.cold_start and c.cold_start.as_dict(),
        "peak_memory_mib": c.cold_start and round(c.cold_start.peak_memory_mib, 1),
        "energy": c.energy and c.energy.as_dict(),
        "arena_bytes": arena_bytes(c.classifier.model.file),
        "latency_ms": {stage: c.spread(stage).as_dict() for stage in c.stages},
        "block_medians_ms": {
            stage: [_significant(median(block)) for block in c.values(stage)] for stage in c.stages
        },
    }


def _significant(value: float, digits: int = 5) -> float:
    """Round to significant digits: fast models have small latencies."""
    return round(value, digits - 1 - math.floor(math.log10(value))) if value > 0 else 0.0
