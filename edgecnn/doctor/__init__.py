"""What works on this machine, and what to do about the rest."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from edgecnn.doctor.diagnosis import Diagnosis, Status, System

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Diagnosis", "Status", "System", "examine"]

# The rooms of the house are examined one by one: where OpenCV is missing, the rest is still said.
PARTS = ("machine", "software", "cameras", "coral")


def examine(system: System | None = None) -> Iterator[Diagnosis]:
    """Yield one finding after the other, as they are made; it takes seconds."""
    system = system or System()
    for part in PARTS:
        try:
            module = importlib.import_module(f"edgecnn.doctor.{part}")
        except ImportError as error:
            yield Diagnosis(part, Status.warning, f"can't be examined: {error}", "fix what is above first")
            continue
        yield from module.examine(system)
