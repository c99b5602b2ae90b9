"""Runs TensorFlow Lite's `benchmark_model` where it is installed, for the time of each operator.

LiteRT's Python API does not report it. The tool and its options:
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/tools/benchmark/README.md
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgecnn.errors import BenchError

PROGRAM = "benchmark_model"
TIMEOUT_S = 120.0
_MOST_SAID_BYTES = 1 << 22
# Its table is read from the printed output: the options that write a file have changed over time.
_SECTION = "Operator-wise Profiling Info for Regular Benchmark Runs:"
_TABLE = re.compile(r"=+ Run Order =+")
_NODE = re.compile(r":(\d+)$")
# The delegate's own numbers, not the graph's.
_DELEGATED = "Delegate/"


@dataclass(frozen=True, slots=True)
class Timed:
    """One row: the operator's type as the tool names it, its name, and its time in a run.

    `node` is its index in the graph, None where the tool does not report it. For XNNPACK, rows are its own
    kernels, and a row may stand for several `calls` in a run.
    """

    kind: str
    name: str
    node: int | None
    calls: int
    ms: float


def time_operators(
    model: bytes, threads: int, program: str | None = None, timeout_s: float = TIMEOUT_S
) -> list[Timed]:
    """Run a model with `benchmark_model` for some seconds, with XNNPACK as in LiteRT.

    Parameters
    ----------
    program
        The tool's path; None for the one on the PATH.

    Raises
    ------
    BenchError
        Where it is not installed, fails, or does not end in time.
    """
    program = program or shutil.which(PROGRAM)
    if program is None:
        raise BenchError(
            f"{PROGRAM} is not on the PATH, and LiteRT's Python API does not report times of operators"
        )
    with tempfile.TemporaryDirectory(prefix="edgecnn-") as folder, tempfile.TemporaryFile() as said:
        graph = Path(folder, "model.tflite")
        graph.write_bytes(model)
        options = {
            "graph": graph,
            "num_threads": threads,
            "use_xnnpack": "true",
            "enable_op_profiling": "true",
            "max_profiling_buffer_entries": 65536,
            "max_secs": 10,
        }
        try:
            ran = subprocess.run(  # noqa: S603 - no shell, and the tool's own path
                [program, *(f"--{name}={value}" for name, value in options.items())],
                stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, timeout=timeout_s,
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"{PROGRAM} did not end in {timeout_s:g} s") from error
        except OSError as error:
            raise BenchError(f"{program} can't be started: {error.strerror}") from error
        said.seek(0)
        text = said.read(_MOST_SAID_BYTES).decode("utf-8", "replace")
    found = read_profile(text)
    if ran.returncode or not found:
        words = [line.strip() for line in text.splitlines() if line.strip()]
        reason = words[-1] if words else "it printed nothing"
        raise BenchError(f"{PROGRAM} gave no times of operators (exit code {ran.returncode}): {reason}")
    return found


def read_profile(text: str) -> list[Timed]:
    """Return the rows of the table `Run Order` of the regular runs; none without that table."""
    _, _, behind = text.partition(_SECTION)
    table = _TABLE.search(behind)
    if not table:
        return []
    lines = behind[table.end() :].strip("\n").splitlines()
    heads = [head.strip("[]").lower() for head in _cells(lines[0], -1)] if lines else []
    if not {"node type", "avg ms", "times called", "name"} <= set(heads):
        return []
    found = []
    for line in lines[1:]:
        cells = dict(zip(heads, _cells(line, len(heads) - 1), strict=False))
        if len(cells) < len(heads):
            break
        try:
            calls, ms = int(cells["times called"]), float(cells["avg ms"])
        except ValueError:
            break
        node = None if cells["name"].startswith(_DELEGATED) else _NODE.search(cells["name"])
        found.append(
            Timed(cells["node type"], cells["name"], int(node[1]) if node else None, calls, calls * ms)
        )
    return found


def _cells(line: str, most: int) -> list[str]:
    """Split a row at its tabs, which some terminals and logs convert to spaces."""
    parts = re.split(r"\s*\t\s*" if "\t" in line.strip() else r"\s{2,}", line.strip(), maxsplit=max(most, 0))
    return [part.strip() for part in parts]
