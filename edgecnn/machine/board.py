"""Describes this machine from /proc and /sys; None for what they do not report."""

from __future__ import annotations

import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgecnn.machine.cores import count_cores
from edgecnn.machine.processor import Processor, describe_processor
from edgecnn.machine.system_files import read_system_file, read_temperature

_CPU0 = Path("/sys/devices/system/cpu/cpu0/cpufreq")


@dataclass(frozen=True, slots=True)
class Board:
    """A machine.

    `model` is the board's name where the firmware reports it, such as a Raspberry Pi's. `cpu`, `cpu_family`
    and `instructions` are those of `edgecnn.machine.processor.Processor`.
    """

    model: str | None
    cpu: str
    cpu_family: str
    instructions: tuple[str, ...]
    cores: int
    architecture: str
    system: str
    python: str
    governor: str | None
    temperature_c: float | None

    @property
    def summary(self) -> str:
        """The machine in one line of text."""
        cpu = str(Processor(self.cpu, self.cpu_family, self.instructions))
        return ", ".join(filter(None, [self.model, cpu, f"{self.cores} cores", self.system]))

    def as_dict(self) -> dict[str, Any]:
        """Return all fields for JSON."""
        return asdict(self)


def describe_board() -> Board:
    """Describe this machine."""
    processor = describe_processor()
    return Board(
        model=read_system_file("/proc/device-tree/model"),
        cpu=processor.name,
        cpu_family=processor.family,
        instructions=processor.instructions,
        cores=count_cores(),
        architecture=platform.machine(),
        system=_system_name(),
        python=platform.python_version(),
        governor=read_system_file(_CPU0 / "scaling_governor"),
        temperature_c=read_temperature(),
    )


def peak_memory_mib() -> float:
    """Return the peak memory of this process so far, in MiB."""
    # Linux includes the parent's memory before exec in ru_maxrss; VmHWM is this program's alone.
    for line in (read_system_file("/proc/self/status") or "").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 2**10
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _system_name() -> str:
    try:
        return str(platform.freedesktop_os_release()["PRETTY_NAME"])
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"
