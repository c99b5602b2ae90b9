"""Measures the shipped models on this board for `benchmarks/reference/`, or compares with a file there.

    python benchmarks/reference.py NAME
    python benchmarks/reference.py NAME --check

Each model is measured by `edgecnn bench --strict` (int8 and float32, one thread and all cores), so that a run
on a machine that was not quiet gives no file. With `--check` nothing is written: medians of the inference and
of the whole way that differ from the file's by more than a tenth are reported, and end with exit code 1.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import re
import subprocess
import sys
from pathlib import Path

from edgecnn.bench.rows import COLUMNS
from edgecnn.io.output import write_text

FOLDER = Path(__file__).parent / "reference"
MODELS = ("digits", "fashion", "cifar10", "signs", "waste")
TOLERANCE = 0.10
STAGES = ("inference", "total")
KEY = ("model", "variant", "engine", "threads", "stage")


def measured(tries: int, engine: str) -> str:
    """Return the CSV of all models; each has so many tries to find the machine quiet."""
    threads = "1" if (cores := len(os.sched_getaffinity(0))) == 1 else f"1,{cores}"
    rows = [",".join(COLUMNS) + "\n"]
    for model in MODELS:
        for turn in range(tries):
            ran = subprocess.run(
                [sys.executable, "-m", "edgecnn", "bench", "--model", model, "--engine", engine,
                 "--threads", threads, "--cold-starts", "0", "--strict", "--csv", "-"],
                stdout=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
            print(
                f"{model}, try {turn + 1}: {'done' if ran.returncode == 0 else 'not quiet'}", file=sys.stderr
            )
            if ran.returncode == 0:
                break
            if not ran.stdout:
                sys.exit(f"{model} can't be measured, as is said above; nothing was written")
        else:
            sys.exit(f"{model}: the machine was never quiet in {tries} tries; nothing was written")
        rows += ran.stdout.splitlines(keepends=True)[1:]
    return "".join(rows)


def read(text: str) -> dict[tuple[str, ...], float]:
    """Return the medians in ms by model, variant, engine, threads and stage."""
    rows = csv.DictReader(io.StringIO(text))
    return {tuple(row[k] for k in KEY): float(row["p50_ms"]) for row in rows if row["stage"] in STAGES}


def check(path: Path, text: str) -> int:
    """Print what differs from a file, and return the exit code."""
    before, now = read(path.read_text("utf-8")), read(text)
    off = {key: ms / before[key] - 1 for key, ms in now.items() if key in before}
    for key, change in off.items():
        if abs(change) > TOLERANCE:
            print(f"{', '.join(key)}: {before[key]:.4f} ms then, {now[key]:.4f} now ({change:+.1%})")
    far = sum(abs(change) > TOLERANCE for change in off.values())
    print(f"{far} of {len(off)} medians differ by more than {TOLERANCE:.0%} from {path.name}")
    return int(far > 0 or not off)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="the board, such as raspberry-pi-5-8gb")
    parser.add_argument("--check", action="store_true", help="compare with the existing file")
    parser.add_argument("--tries", type=int, default=5, help="for each model, to find the machine quiet")
    parser.add_argument("--engine", default="litert")
    arguments = parser.parse_args()
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", arguments.name):
        parser.error("a board's name is of small letters, digits and hyphens, such as raspberry-pi-5-8gb")
    path = FOLDER / f"{arguments.name}.csv"
    if arguments.check and not path.is_file():
        parser.error(f"{path} to check against does not exist")
    text = measured(arguments.tries, arguments.engine)
    if arguments.check:
        return check(path, text)
    write_text(str(path), text)
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
