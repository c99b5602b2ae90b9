"""The program of Raspberry Pi OS for the board's own camera, and the cameras that it lists."""

from __future__ import annotations

import shutil

from edgecnn.machine.program import NOT_STARTED, TIMED_OUT, ProgramOutput, run_program

# Before Raspberry Pi OS bookworm it was libcamera-vid, with the same options.
PROGRAMS = ("rpicam-vid", "libcamera-vid")
_LISTING_S = 20.0


def find_program(path: str | None = None) -> str | None:
    """Return the installed program, or None; `path` replaces the variable PATH."""
    return next(filter(None, (shutil.which(name, path=path) for name in PROGRAMS)), None)


def list_cameras(program: str) -> tuple[ProgramOutput, list[str]]:
    """Ask the program for its cameras; return its output, and the lines of it that are not blank.

    Without a camera there is one line, "No cameras available!", and the exit code may be 0.
    """
    output = run_program([program, "--list-cameras"], _LISTING_S)
    lines = (output.stdout or output.stderr).splitlines()
    return output, [line.rstrip() for line in lines if line.strip()]


def list_own_cameras(source: str) -> list[str]:
    """Return lines about a Raspberry Pi's own cameras by its program, which sees those of picamera2 too."""
    program = find_program()
    if program is None:
        return ["rpicam-vid, which lists them, is not installed: sudo apt install rpicam-apps-lite"]
    output, lines = list_cameras(program)
    if output.code in (NOT_STARTED, TIMED_OUT):
        return [f"{source} does not answer: {output.stderr}"]
    return lines or ["no camera"]
