"""Speed on this machine: candidates are measured interleaved, in one run, on the same frames."""

from edgecnn.bench.frames import Frames, bench_frames
from edgecnn.bench.interleaved import Candidate, measure
from edgecnn.bench.report import BenchResult, report

__all__ = [
    "BenchResult",
    "Candidate",
    "Frames",
    "accuracy",
    "bench_frames",
    "benchmark_model",
    "changes",
    "cold_start",
    "compare",
    "measure",
    "operators",
    "page",
    "peak",
    "report",
    "rows",
    "summary",
]
