"""Cameras and displays."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from edgecnn.camera import describe_source, real_cameras
from edgecnn.camera.v4l2 import describe_device
from edgecnn.doctor.diagnosis import ok, warning
from edgecnn.errors import CameraError
from edgecnn.machine.board import describe_board
from edgecnn.machine.rpicam import find_program, list_cameras

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.doctor.diagnosis import Diagnosis, System

# Reported as one camera, by the program that lists it.
_PI_SOURCES = ("picamera", "rpicam")
_GROUP = "sudo usermod -aG video $USER, then log out and in"


def examine(system: System) -> Iterator[Diagnosis]:
    """Report which cameras work, and where images can be shown."""
    sources = real_cameras()
    devices = [source for source in sources if source.startswith("/dev/")]
    others = [*_own(system), *_added([s for s in sources if s not in devices])]
    for path in devices:
        yield _device(path)
    yield from others
    if not devices and not others:
        yield warning(
            "camera",
            "no camera found (no /dev/video*)",
            "plug one in: lsusb, dmesg | tail; edgecnn live --source synthetic needs none",
        )
    yield _display(system)


def _device(path: str) -> Diagnosis:
    if not os.access(path, os.R_OK | os.W_OK):
        return warning(f"camera {path}", "you have no permission to open it", _GROUP)
    try:
        device = describe_device(path)
    except CameraError as error:
        return warning(f"camera {path}", str(error), "unplug it and plug it in again")
    codes = [pixels.code for pixels in device.formats]
    text = f"{device.name}: {', '.join(codes) or 'no formats'}"
    return ok(f"camera {path}", text)


def _added(sources: list[str]) -> Iterator[Diagnosis]:
    """Report the sources of cameras that were registered or installed."""
    for source in sources:
        if source not in _PI_SOURCES:
            yield ok(f"camera {source}", "; ".join(describe_source(source)) or "found")


def _own(system: System) -> Iterator[Diagnosis]:
    """Report on a Raspberry Pi's own camera; nothing on other boards without its programs."""
    pi = "Raspberry Pi" in (describe_board().model or "")
    program = find_program(system.programs)
    if program:
        output, lines = list_cameras(program)
        lines = [line.strip() for line in lines]
        if output.code == 0 and not any("No cameras" in line for line in lines):
            yield ok("camera rpicam", next((line for line in lines if line[:1].isdigit()), "found"))
        elif pi:
            yield warning(
                "camera rpicam", lines[0] if lines else f"{program} ended with {output.code}",
                "check the ribbon cable at both ends, then sudo reboot",
            )  # fmt: skip
    elif pi:
        yield warning("camera rpicam", "rpicam-vid is not installed", "sudo apt install rpicam-apps-lite")


def _display(system: System) -> Diagnosis:
    named = [system.environment[k] for k in ("DISPLAY", "WAYLAND_DISPLAY") if system.environment.get(k)]
    if not named:
        return ok("display", "none: live shows its images in the terminal, or in a browser with --show web")
    headless = "opencv-python-headless" in system.packages
    extra = "; this OpenCV shows no windows (the README says how to get one)" if headless else ""
    return ok("display", f"{', '.join(named)}{extra}")
