"""Does `edgecnn live` grow? Runs it at full speed, and watches its memory, threads and open files.

    python benchmarks/soak.py [--minutes 60] [--settle 1] [--limit 1] [LIVE OPTION ...]

Each second it reads the process' memory, threads and open files. The memory is what it holds between two
frames: what it has allocated, since pages of files count as resident too and come and go as the system
likes; the least of many looks, since an image on its way takes tens of megabytes for a moment; and with the
C library set to free such blocks immediately, since else it keeps any number of them. After `--settle`
minutes it fits a line to it by least squares; the slope has its standard error with it. Exits with 1 where
memory grows by more than `--limit` MiB an hour (the slope less two standard errors), or where threads or open
files end up more than they were. Other options are `live`'s: `--show web`, `--record FILE`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Sample(NamedTuple):
    """What a process holds at a moment: seconds since its start, MiB, and counts."""

    seconds: float
    memory: float
    threads: int
    files: int


LOOKS = 50
LOOK_S = 0.01
LIVE = [sys.executable, "-m", "edgecnn", "live", "--source", "synthetic:fps=0", "--show", "none"]
GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": str(128 * 1024)}  # mallopt(3): setting it also keeps it from growing


def start(*options: str) -> subprocess.Popen[bytes]:
    """Start `live` at full speed, so that its memory shows what it holds."""
    return subprocess.Popen([*LIVE, *options], env=os.environ | GIVE_BACK, stdout=subprocess.DEVNULL)


def allocated(process: Path) -> float:
    """Return a process' memory that is no file's, in MiB."""
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return int(status["RssAnon"].split()[0]) / 1024


def look(pid: int, seconds: float) -> Sample:
    """Read what Linux knows of a process: half a second long."""
    process = Path("/proc", str(pid))
    memory = []
    for _ in range(LOOKS):
        memory.append(allocated(process))
        time.sleep(LOOK_S)
    return Sample(
        seconds,
        min(memory),
        len(list((process / "task").iterdir())),
        len(list((process / "fd").iterdir())),
    )


def slope(samples: list[Sample]) -> tuple[float, float]:
    """Return how memory grows, in MiB an hour, and the standard error of that."""
    hours = np.array([s.seconds for s in samples]) / 3600
    memory = np.array([s.memory for s in samples])
    hours -= hours.mean()
    spread = float(hours @ hours)
    fitted = float(hours @ memory) / spread
    rest = memory - memory.mean() - fitted * hours
    return fitted, float(np.sqrt(rest @ rest / (len(samples) - 2) / spread))


def soak(minutes: float, settle: float, options: list[str]) -> list[Sample]:
    """Run `live` and return a sample for each second after the settling."""
    began = time.monotonic()
    samples = []
    with start(*options, "--seconds", str(60 * minutes + 60)) as live:
        try:
            while (passed := time.monotonic() - began) < 60 * minutes:
                time.sleep(1)
                if live.poll() is not None:
                    raise SystemExit(f"live ended on its own after {passed:.0f} s, with {live.returncode}")
                if passed >= 60 * settle:
                    samples.append(look(live.pid, passed))
        finally:
            live.terminate()
            live.wait(30)
    if live.returncode:
        raise SystemExit(f"live ended with {live.returncode}")
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--settle", type=float, default=1.0)
    parser.add_argument("--limit", type=float, default=1.0)
    arguments, options = parser.parse_known_args()
    samples = soak(arguments.minutes, arguments.settle, options)
    growth, error = slope(samples)
    first, last = samples[0], samples[-1]
    print(
        json.dumps(
            {
                "minutes": arguments.minutes,
                "mib": [round(first.memory, 1), round(last.memory, 1)],
                "mib_per_hour": round(growth, 2),
                "standard_error": round(error, 2),
                "threads": [first.threads, last.threads],
                "files": [first.files, last.files],
            }
        )
    )
    grows = growth - 2 * error > arguments.limit
    sys.exit(int(grows or last.threads > first.threads or last.files > first.files))


if __name__ == "__main__":
    main()
