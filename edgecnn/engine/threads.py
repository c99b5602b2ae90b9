"""The fastest number of threads for a model on this machine: measured once, and cached."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.engine import MAX_THREADS, engine_version, open_engine
from edgecnn.io.cache import Cache
from edgecnn.latency import interleaved_medians
from edgecnn.machine.board import describe_board
from edgecnn.machine.processor import describe_processor

if TYPE_CHECKING:
    from edgecnn.engine import ModelData

MEASURE_S = 0.6
LONGEST_MS = 1e6
LEAST_ROUNDS = 3
# Another thread has to be worth its core.
WORTH = 0.95


@dataclass(frozen=True, slots=True)
class Threads:
    """The chosen number, and the median of an inference in ms for each number that was tried."""

    count: int
    medians_ms: dict[int, float]
    remembered: bool

    def __str__(self) -> str:
        tried = ", ".join(f"{count}: {ms:.3g} ms" for count, ms in self.medians_ms.items())
        how = "measured before" if self.remembered else "measured now"
        return f"threads auto: {self.count} ({tried}; {how})"


def best_threads(model: ModelData, spec: str) -> Threads:
    """Return the number of threads for a model, an engine and this machine.

    1, 2, 4 … threads, up to the processor's cores, are measured interleaved; the smallest number within 5 %
    of the fastest is chosen. Raises what `open_engine` raises.
    """
    board = describe_board()
    name = spec.partition(":")[0]
    digest = hashlib.sha256(model.data).hexdigest()
    key = f"{digest} {name} {engine_version(spec)} {describe_processor()} {board.cores} cores"
    cache = Cache("threads")
    most = min(board.cores, MAX_THREADS)
    counts = sorted({1, most, *(n for k in range(1, 8) if (n := 1 << k) < most)})
    if (known := _remembered(cache.get(key), counts)) is not None:
        return known
    medians = _measure(model, spec, counts) if len(counts) > 1 else {1: 0.0}
    quickest = min(medians.values())
    count = next(n for n, ms in medians.items() if ms * WORTH <= quickest)
    if len(counts) > 1:
        cache.put(key, {"threads": count, "ms": {str(n): round(ms, 4) for n, ms in medians.items()}})
    return Threads(count, medians, remembered=False)


def _remembered(kept: dict[str, object] | None, counts: list[int]) -> Threads | None:
    """Return the cached result; None where measuring these numbers of threads can't have found it."""
    match kept:
        case {"threads": int(count), "ms": dict(medians)}:
            expected = {str(n): n for n in counts}
            fine = type(count) is int and count in counts and medians.keys() == expected.keys()
            if fine and all(type(ms) in (int, float) and 0 <= ms < LONGEST_MS for ms in medians.values()):
                return Threads(
                    count, {n: float(medians[key]) for key, n in expected.items()}, remembered=True
                )
    return None


def _measure(model: ModelData, spec: str, counts: list[int]) -> dict[int, float]:
    """Return the median in ms for each number of threads."""
    image = model.inputs[0]
    tensor = np.zeros(image.shape, image.dtype)
    with ExitStack() as stack:
        engines = {n: stack.enter_context(open_engine(spec, model, n, probed=True)) for n in counts}
        runs = {n: partial(engine.invoke, tensor) for n, engine in engines.items()}
        return interleaved_medians(runs, MEASURE_S, LEAST_ROUNDS)
