"""Speed on this machine: candidates are measured interleaved, in one run, on the same frames."""

from edgecnn.bench.frames import Frames, bench_frames
from edgecnn.bench.interleaved import Candidate, measure
from edgecnn.bench.report import BenchResult

__all__ = [
    "BenchResult",
    "Candidate",
    "Frames",
    "bench_frames",
    "candidates",
    "compare",
    "entrants",
    "measure",
    "page",
    "rows",
    "session",
    "summary",
]
