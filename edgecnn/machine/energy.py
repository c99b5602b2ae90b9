"""Measures energy where the machine reports it: by RAPL's counters, or the PMIC of a Raspberry Pi 5.

RAPL counts the energy of the processor's package (https://docs.kernel.org/power/powercap/powercap.html). The
PMIC reports volts and amperes of its rails: the processor and memory, not USB, nor its own loss.
"""

from __future__ import annotations

import re
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Protocol

from edgecnn.errors import BenchError
from edgecnn.machine.program import run_program
from edgecnn.machine.system_files import read_system_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Long enough for RAPL, which counts every millisecond, and for dozens of samples of the PMIC.
MEASURE_S = 1.0
_SAMPLE_S = 0.02
_ASK_S = 5.0
_ZONE = re.compile(r"intel-rapl:\d+")
_RAIL = re.compile(r"(\w+)_([AV]) +(?:current|volt)\(\d+\)=(\d+\.?\d*)[AV]\b")


class Meter(Protocol):
    """Measures the energy that is used while a function runs."""

    @property
    def name(self) -> str:
        """The name of the source."""
        ...

    def joules(self, work: Callable[[], None]) -> float:
        """Run a function and return the joules used meanwhile. Raises BenchError."""
        ...


@dataclass(frozen=True, slots=True)
class Use:
    """The energy of several runs together, and the power of the idle machine in watts."""

    joules: float
    seconds: float
    runs: int
    idle_w: float

    @property
    def mj_per_run(self) -> float:
        """All energy of the machine for one run, in millijoules."""
        return self.joules / self.runs * 1e3

    @property
    def mj_above_idle(self) -> float:
        """The energy of one run above that of the idle machine, in millijoules."""
        return (self.joules - self.idle_w * self.seconds) / self.runs * 1e3

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "mj_per_run": round(self.mj_per_run, 5),
            "mj_above_idle": round(self.mj_above_idle, 5),
            "watts": round(self.joules / self.seconds, 3),
            "runs": self.runs,
        }


@dataclass(frozen=True, slots=True)
class Energy:
    """The meter's name and the idle machine's power in watts; or why no energy was measured."""

    meter: str | None
    idle_w: float | None
    unknown: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        idle = None if self.idle_w is None else round(self.idle_w, 3)
        return {"meter": self.meter, "idle_watts": idle, "unknown": self.unknown or None}


def measure_energy(
    meter: Meter, works: Sequence[Callable[[], object]], seconds: float = MEASURE_S
) -> list[Use]:
    """Measure the idle machine for `seconds`, then each of the works for as long; return the energy of each.

    Raises BenchError where the meter stops answering.
    """
    idle = _use(meter, lambda: time.sleep(seconds), 0, 0)
    return [_use(meter, work, seconds, idle.joules / idle.seconds) for work in works]


def _use(meter: Meter, work: Callable[[], object], seconds: float, idle_w: float) -> Use:
    """Repeat a function for `seconds`, at least once."""
    runs, passed = 0, 0.0

    def repeat() -> None:
        nonlocal runs, passed
        start = time.perf_counter()
        while not runs or passed < seconds:
            work()
            runs += 1
            passed = time.perf_counter() - start

    joules = meter.joules(repeat)
    return Use(joules, passed, runs, idle_w)


def find_meter(root: Path = Path("/"), vcgencmd: str | None = None) -> Meter:
    """Return this machine's energy meter. Raises BenchError with the reason where it has none."""
    zones = [
        zone
        for zone in sorted((root / "sys/class/powercap").glob("intel-rapl:*"))
        if _ZONE.fullmatch(zone.name) and (read_system_file(zone / "name") or "").startswith("package")
    ]
    if zones:
        rapl = Rapl(tuple(zones))
        rapl.joules(lambda: None)
        return rapl
    program = vcgencmd or shutil.which("vcgencmd")
    if program:
        pmic = Pmic(program)
        if pmic.watts() is not None:
            return pmic
    raise BenchError(
        "this machine does not report its energy (no RAPL in /sys/class/powercap, no Pi 5's PMIC)"
    )


@dataclass(frozen=True, slots=True)
class Rapl:
    """The counters of all processor packages, in microjoules; they wrap around at the end of their range."""

    zones: tuple[Path, ...]
    name: str = "RAPL, the processor's package"

    def joules(self, work: Callable[[], None]) -> float:
        """Read the counters before and after; see `Meter`."""
        before = [self._number(zone / "energy_uj") for zone in self.zones]
        work()
        passed = 0
        for zone, start in zip(self.zones, before, strict=True):
            gone = self._number(zone / "energy_uj") - start
            passed += gone if gone >= 0 else gone + self._number(zone / "max_energy_range_uj")
        return passed / 1e6

    @staticmethod
    def _number(path: Path) -> int:
        try:
            return int(path.read_text())
        except PermissionError as error:
            raise BenchError(
                "only root may read RAPL's counters: run it with sudo, or "
                "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"
            ) from error
        except (OSError, ValueError) as error:
            raise BenchError(f"RAPL's {path} can't be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Pmic:
    """A Raspberry Pi 5's power chip, sampled through its firmware while a function runs.

    Sampling uses energy too, idle or not, so it does not count as energy above idle.
    """

    program: str
    name: str = "the PMIC's rails"

    def joules(self, work: Callable[[], None]) -> float:
        """Sample in a thread during the work; the energy is the mean power times the time. See `Meter`."""
        samples: list[float] = []
        ended = threading.Event()

        def sample() -> None:
            while True:
                if (watts := self.watts()) is not None:
                    samples.append(watts)
                if ended.wait(_SAMPLE_S):
                    return

        sampler = threading.Thread(target=sample, name="pmic")
        start = time.perf_counter()
        sampler.start()
        try:
            work()
        finally:
            passed = time.perf_counter() - start
            ended.set()
            sampler.join()
        if not samples:
            raise BenchError("the PMIC stopped reporting its volts and amperes")
        return fmean(samples) * passed

    def watts(self) -> float | None:
        """Return the power in watts of all rails that report volts and amperes, or None."""
        said = run_program([self.program, "pmic_read_adc"], _ASK_S).stdout
        rails: dict[str, dict[str, float]] = {}
        for rail, unit, value in _RAIL.findall(said):
            rails.setdefault(rail, {})[unit] = float(value)
        powers = [rail["A"] * rail["V"] for rail in rails.values() if len(rail) == 2]
        return sum(powers) if powers else None
