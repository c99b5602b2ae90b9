"""Runs a program of the system and returns what it printed."""

from __future__ import annotations

import subprocess
from typing import NamedTuple

TIMED_OUT, NOT_STARTED = 124, 127


class ProgramOutput(NamedTuple):
    """What a program printed, and its exit code: negative for a signal.

    The code is 124 where the program did not end in time and 127 where it can't be started; `stderr` then has
    the reason.
    """

    code: int
    stdout: str
    stderr: str


def run_program(command: list[str], limit_s: float) -> ProgramOutput:
    """Run a program without a shell and without stdin, for at most `limit_s` seconds."""
    try:
        ran = subprocess.run(  # noqa: S603 - fixed programs, no shell
            command, capture_output=True, text=True, errors="replace", timeout=limit_s, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return ProgramOutput(TIMED_OUT, "", f"did not end within {limit_s:g} s")
    except OSError as error:
        return ProgramOutput(NOT_STARTED, "", str(error))
    return ProgramOutput(ran.returncode, ran.stdout, ran.stderr)
