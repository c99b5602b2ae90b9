"""Speed on this machine: candidates are measured interleaved, in one run, on the same frames."""

from edgecnn.bench.frames import Frames, bench_frames
from edgecnn.bench.interleaved import CAMERA_STAGES, STAGES, Candidate, measure
from edgecnn.bench.ratios import Comparison
from edgecnn.bench.report import BenchResult, report
from edgecnn.bench.warm_up import WarmUp, warm_up

__all__ = [
    "CAMERA_STAGES",
    "STAGES",
    "BenchResult",
    "Candidate",
    "Comparison",
    "Frames",
    "WarmUp",
    "bench_frames",
    "measure",
    "report",
    "warm_up",
]
