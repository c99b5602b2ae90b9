"""Cold start, the time until the first label: Python, imports, opening the model, first image.

Run as `python -m edgecnn.bench.cold_start ENGINE OPENING`, this module is the measured process, and imports
nothing but the clock before it starts.
"""

from __future__ import annotations

import sys
import time

_BEGAN_NS = time.monotonic_ns()

from dataclasses import dataclass  # noqa: E402 - this import is measured too
from typing import TYPE_CHECKING, Any  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.bundle.input_spec import Given

# Imports from a Raspberry Pi's cold SD card are slow.
TIMEOUT_S = 120.0
# Runs before the peak memory is read, so that late allocations count.
_MEMORY_RUNS = 20


@dataclass(frozen=True, slots=True)
class Opening:
    """The arguments of a classifier; see `edgecnn.classify.loader.load`.

    `runs_on` is the chosen engine, whose import counts as one of the imports.
    """

    model: str
    variant: str
    engine: str
    threads: int
    given: Given
    runs_on: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as `load`'s arguments, for JSON."""
        labels = None if self.given.labels is None else str(self.given.labels)
        return {
            "name_or_path": self.model,
            "variant": self.variant,
            "engine": self.engine,
            "threads": self.threads,
            "labels": labels,
            "value_range": self.given.value_range,
            "fit": self.given.fit,
            "color": self.given.color,
            "scores": self.given.scores,
            "output": self.given.output,
            "input_size": self.given.size,
        }


@dataclass(frozen=True, slots=True)
class ColdStart:
    """One start or the medians of several, in ms, and the peak memory of such a process, in MiB.

    `python` is the Python interpreter, `load` opens the model, `first` is the first image with all its
    stages; `total` is from the start of the process to the label.
    """

    python_ms: float
    import_ms: float
    load_ms: float
    first_ms: float
    total_ms: float
    peak_memory_mib: float
    repeats: int = 1

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "python": round(self.python_ms, 2),
            "import": round(self.import_ms, 2),
            "load": round(self.load_ms, 2),
            "first": round(self.first_ms, 3),
            "total": round(self.total_ms, 2),
            "repeats": self.repeats,
        }


def start_cold(openings: Sequence[Opening], repeats: int = 3) -> list[ColdStart]:
    """Start a process for each opening, interleaved, `repeats` times; return the medians of each.

    After the first start, files are in the system's cache, and edgecnn's own cache is filled, as wherever the
    models were used before. Raises BenchError where a process fails.
    """
    from statistics import median

    found: list[list[ColdStart]] = [[] for _ in openings]
    for _ in range(repeats):
        for opening, starts in zip(openings, found, strict=True):
            starts.append(_start(opening))
    return [
        ColdStart(
            python_ms=median(s.python_ms for s in starts),
            import_ms=median(s.import_ms for s in starts),
            load_ms=median(s.load_ms for s in starts),
            first_ms=median(s.first_ms for s in starts),
            total_ms=median(s.total_ms for s in starts),
            peak_memory_mib=max(s.peak_memory_mib for s in starts),
            repeats=repeats,
        )
        for starts in found
    ]


def _start(opening: Opening) -> ColdStart:
    """Start one process and return its result."""
    import json
    import os
    import subprocess
    from itertools import pairwise

    from edgecnn.errors import BenchError

    command = [sys.executable, "-P", "-m", "edgecnn.bench.cold_start", opening.runs_on]
    command.append(json.dumps(opening.as_dict()))
    began_ns = time.monotonic_ns()
    try:
        ran = subprocess.run(  # noqa: S603 - no shell, and our own module
            command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        answer = json.loads(ran.stdout) if ran.returncode == 0 else None
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"a cold start of {opening.model} did not end in {TIMEOUT_S:.0f} s") from error
    except (OSError, ValueError) as error:
        raise BenchError(f"a cold start of {opening.model} can't be measured: {error}") from error
    if answer is None:
        words = [line for line in ran.stderr.splitlines() if line.strip()]
        reason = words[-1] if words else f"exit code {ran.returncode}"
        raise BenchError(f"a cold start of {opening.model} failed: {reason}")
    stamps = [began_ns, *answer["stamps_ns"]]
    python, imported, loaded, first = ((b - a) / 1e6 for a, b in pairwise(stamps))
    return ColdStart(
        python, imported, loaded, first, (stamps[-1] - began_ns) / 1e6, answer["peak_memory_mib"]
    )


def _measure(runs_on: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Import, load, classify one image; return the times (monotonic ns) and the peak memory (MiB)."""
    import cv2
    import numpy as np

    from edgecnn.classify.loader import load
    from edgecnn.engine import engine_class
    from edgecnn.machine.board import peak_memory_mib

    engine_class(runs_on)
    cv2.setNumThreads(arguments["threads"])
    imported = time.monotonic_ns()
    with load(**arguments) as classifier:
        loaded = time.monotonic_ns()
        image = np.zeros((480, 640, 3), np.uint8)
        classifier.classify(image, 1)
        first = time.monotonic_ns()
        for _ in range(_MEMORY_RUNS):
            classifier.classify(image, 1)
        return {
            "stamps_ns": [_BEGAN_NS, imported, loaded, first],
            "peak_memory_mib": peak_memory_mib(),
        }


if __name__ == "__main__":
    import json

    sys.stdout.write(json.dumps(_measure(sys.argv[1], json.loads(sys.argv[2]))))
