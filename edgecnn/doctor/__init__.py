"""Checks what works on this machine, and how to fix the rest."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from edgecnn.doctor.diagnosis import Diagnosis, Status, System

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Status", "examine"]

# Imported one by one: where OpenCV is missing, the others still report.
PARTS = ("machine", "software", "cameras", "coral")


def examine(system: System | None = None) -> Iterator[Diagnosis]:
    """Examine the machine and yield each diagnosis as soon as it is made; takes seconds."""
    system = system or System()
    for part in PARTS:
        try:
            module = importlib.import_module(f"edgecnn.doctor.{part}")
        except ImportError as error:
            yield Diagnosis(part, Status.warning, f"can't be examined: {error}", "fix what is above first")
            continue
        yield from module.examine(system)
