"""Processes as tests see them: scripts that may fork, and the children of a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from tests.conftest import ROOT


def run_script(code: str, *arguments: object, then: str = "") -> Any:
    """Run a script in a process of its own, which has one thread, and return what it prints as JSON.

    `then` is the end of the script, indented on its own.
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code) + then, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def children_of(pid: int) -> list[int]:
    """The running children of a process."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in found if is_running(int(child))]


def group_of(pid: int) -> list[int]:
    """The running processes of a process group."""
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return [number for number in numbers if is_running(number) and _stat(number)[2:3] == [str(pid)]]


def is_running(pid: int) -> bool:
    """Whether a process runs: one that has ended may wait long for its new parent to take note."""
    return _stat(pid)[:1] not in ([], ["Z"], ["X"])


def _stat(pid: int) -> list[str]:
    """What /proc says of a process, from its state on; nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
