"""Coral's Edge TPU: its device, its library and their permissions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from edgecnn.coral.devices import GET_LIBRARY, LIBRARY, OTHER_BUILDS, find_devices, find_library
from edgecnn.doctor.diagnosis import ok, warning
from edgecnn.machine.program import run_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edgecnn.doctor.diagnosis import Diagnosis, System

_ASK_S = 20.0


def examine(system: System) -> Iterator[Diagnosis]:
    """Report on the Edge TPU; one line without a device."""
    devices, library = find_devices(system.root), find_library(system.root)
    if not devices:
        installed = f", though {library} is installed" if library else ""
        yield ok("coral", f"no device{installed}: models run on the CPU")
        return
    for device in devices:
        if device.usable:
            yield ok("coral", device.description)
        else:
            yield warning("coral", f"{device.description}; you have no permission to use it", device.fix)
    if library is None:
        yield warning("coral library", f"{LIBRARY} is not installed", GET_LIBRARY)
    else:
        yield _ask(system, library)


def _ask(system: System, library: Path) -> Diagnosis:
    """Ask the library for its version and its device, in another process, because it may crash."""
    code, said, complaint = run_program(
        [sys.executable, "-P", "-m", "edgecnn.engine.edgetpu", str(library)], _ASK_S
    )
    if code == 0:
        return ok("coral library", f"{library}: {said.strip()}")
    litert = system.packages.get("ai-edge-litert", "that is installed")
    if code < 0:
        return warning(
            "coral library", f"{library} crashes (signal {-code}) with ai-edge-litert {litert}", OTHER_BUILDS
        )
    last = (complaint.strip().splitlines() or [f"it ended with {code} and printed nothing"])[-1]
    return warning("coral library", f"{library}: {last}", "plug the device in again; " + OTHER_BUILDS)
