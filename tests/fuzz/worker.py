"""Opens one model file after another as a user would, and says what came of each; `run.py` starts it.

A line on stdin is a request, a line on stdout the answer to it, both in JSON.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import edgecnn
from edgecnn.errors import EdgeCnnError
from edgecnn.exchange.inspection import inspect_model

IMAGE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def judge(path: str, labels: str | None) -> tuple[str, str]:
    """Return what a file ends in, and in which words."""
    try:
        inspect_model(Path(path).read_bytes(), path)
        with edgecnn.load(path, labels=labels) as classifier:
            best = classifier.classify(IMAGE, 1)[0]
    except EdgeCnnError as error:
        return "error" if len(str(error).splitlines()) == 1 else "DIRTY", str(error)
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        return "DIRTY", f"{type(error).__name__}: {error}"
    return "prediction", f"{best.label} {best.score}"


def peak_bytes() -> int:
    """Return the most memory that this process had since `forget_peak`."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("VmHWM:")[1].split()[0]) << 10


def forget_peak() -> None:
    """Start measuring the peak again."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def main() -> None:
    """Answer until stdin ends."""
    warnings.simplefilter("error")  # for a person it is another line in the terminal
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        forget_peak()
        verdict, message = judge(request["path"], request["labels"])
        answer = {"verdict": verdict, "message": message, "peak": peak_bytes()}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
