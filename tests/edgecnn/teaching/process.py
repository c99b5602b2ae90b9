"""Teaching with the tiny trunk in a process of its own, which is started or forked."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.taught import Start, Teaching, start_command
from tests.conftest import ROOT
from tests.trunks import RANGE

if TYPE_CHECKING:
    from pathlib import Path


def start_tiny(folder: Path, trunk: Path, *, start: Start = start_command, **scene: object) -> Teaching:
    """Start teaching with the tiny trunk."""
    low, high = RANGE
    options = "--trunk", str(trunk), f"--range={low}..{high}"
    return Teaching(folder, trunk.with_name("output.txt"), *options, start=start, **scene)


class Nursery:
    """Forks commands from a process that has imported all of edgecnn; a context manager."""

    def __enter__(self) -> Nursery:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.edgecnn.teaching.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __call__(self, arguments: list[str], output: Path) -> int:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"arguments": arguments, "output": str(output)}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.terminate()
