"""Runs one network with one peer, in the peer's environment, on command.

    python -m benchmarks.peers.worker REPLIES MODULE CPU

Commands come as JSON, one a line on stdin; each is answered with one line on the file descriptor REPLIES,
which no library knows of: whatever these print to stdout disturbs nothing. It works only between a command
and its answer, on the processor CPU and no other (-1 for any).
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# Runs at the start of a block that are not counted: another process has just used the caches.
UNCOUNTED = 2
# Warm-up ends when the median of the newest runs is this close to that of those before, or after so long.
STEADY, FEWEST_RUNS, LONGEST_S = 0.05, 20, 2.0


class Worker:
    """The open network, and its options."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._rested_at = time.process_time_ns()
        self.idle_ns = 0

    def answer(self, line: str) -> dict[str, Any]:
        """Execute a command; errors are reported, not raised."""
        command = json.loads(line)
        self.idle_ns += time.process_time_ns() - self._rested_at
        try:
            reply: dict[str, Any] = getattr(self, "do_" + command.pop("do"))(**command)
        except Exception as error:  # noqa: BLE001 - whatever a library raises is a line in the table
            text = str(error).strip() or "no message"
            reply = {"error": f"{type(error).__name__}: {text}"}
        self._rested_at = time.process_time_ns()
        return reply

    def do_open(self, folder: str, packages: list[str]) -> dict[str, Any]:
        """Open a network."""
        import numpy as np

        from benchmarks.peers.network import Network

        network = Network.read(Path(folder))
        self._opened = importlib.import_module(f"benchmarks.peers.{self._module}").open_network(network)
        self._frames = list(np.load(network.folder / "frames.npy"))
        self._images = np.load(network.folder / "images.npy", mmap_mode="r")
        return {
            "precision": self._opened.precision,
            "ways": ["ours", "theirs"] if self._opened.theirs else ["ours"],
            "notes": list(self._opened.notes),
            "versions": {name: _version(name) for name in packages},
        }

    def do_check(self, way: str) -> dict[str, Any]:
        """Classify the images that answers are compared on."""
        import numpy as np

        call = (self._opened.exact if way == "ours" else None) or getattr(self._opened, way)
        return {"answers": [call(np.ascontiguousarray(image)) for image in self._images]}

    def do_warm_up(self, way: str) -> dict[str, Any]:
        """Run until it is steady; return the median latency in ns and how many runs that took."""
        call = getattr(self._opened, way)
        took: list[int] = []
        end = time.monotonic() + LONGEST_S
        while time.monotonic() < end:
            took += self._time(call, len(took), 4)
            half = len(took) // 2
            if len(took) >= FEWEST_RUNS:
                before, after = median(took[half // 2 : half]), median(took[half:])
                if abs(after - before) <= STEADY * before:
                    break
        return {"ns": median(took[len(took) // 2 :]), "runs": len(took)}

    def do_run(self, way: str, start: int, runs: int, pause_s: float) -> dict[str, Any]:
        """Classify `runs` frames, the one of the number `start` first; return each latency in ns.

        It sleeps `pause_s` before each.
        """
        began = time.monotonic_ns()
        call = getattr(self._opened, way)
        self._time(call, start, UNCOUNTED)
        took = self._time(call, start, runs, pause_s)
        return {"ns": took, "span": [began, time.monotonic_ns()]}

    def do_rest(self) -> dict[str, Any]:
        """Return the processor time used while no command was being carried out, and forget it."""
        used, self.idle_ns = self.idle_ns, 0
        return {"idle_ns": used}

    def _time(self, call: Callable[[Any], object], start: int, runs: int, pause_s: float = 0.0) -> list[int]:
        frames, clock, took = self._frames, time.perf_counter_ns, []
        for i in range(start, start + runs):
            frame = frames[i % len(frames)]
            if pause_s:
                time.sleep(pause_s)
            before = clock()
            call(frame)
            took.append(clock() - before)
        return took


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def main() -> None:
    replies, module, cpu = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    if cpu >= 0:
        os.sched_setaffinity(0, {cpu})
    worker = Worker(module)
    with os.fdopen(replies, "w", encoding="utf-8") as out:
        for line in sys.stdin:
            out.write(json.dumps(worker.answer(line)) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
