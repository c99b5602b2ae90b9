"""How much energy a machine takes, where it tells: RAPL's counters, or the PMIC of a Raspberry Pi 5.

RAPL counts what the processor's package takes (https://docs.kernel.org/power/powercap/powercap.html). The
PMIC tells volts and amperes of the rails behind it: the processor and memory, not USB, nor its own loss.
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

# Long enough for RAPL, which counts every millisecond, and for some dozens of the PMIC's samples.
MEASURE_S = 1.0
_SAMPLE_S = 0.02
_ASK_S = 5.0
_ZONE = re.compile(r"intel-rapl:\d+")
_RAIL = re.compile(r"(\w+)_([AV]) +(?:current|volt)\(\d+\)=(\d+\.?\d*)[AV]\b")


class Meter(Protocol):
    """Tells how much energy passes while something runs."""

    @property
    def name(self) -> str:
        """Who tells."""
        ...

    def joules(self, work: Callable[[], None]) -> float:
        """Run something, and return the joules that passed meanwhile. Raises BenchError."""
        ...


@dataclass(frozen=True, slots=True)
class Use:
    """What runs took together, beside what the machine takes while it is idle, in watts."""

    joules: float
    seconds: float
    runs: int
    idle_w: float

    @property
    def mj_per_run(self) -> float:
        """All that the machine took for a run, in millijoules."""
        return self.joules / self.runs * 1e3

    @property
    def mj_above_idle(self) -> float:
        """What a run took beyond what the idle machine takes in that time."""
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
    """Who told and what the idle machine takes in watts; or why nobody tells."""

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
    """Let the machine be idle for some time, then run each of the works for as long; return what each took.

    Raises BenchError where the meter stops telling.
    """
    idle = _use(meter, lambda: time.sleep(seconds), 0, 0)
    return [_use(meter, work, seconds, idle.joules / idle.seconds) for work in works]


def _use(meter: Meter, work: Callable[[], object], seconds: float, idle_w: float) -> Use:
    """Run something again and again for so long, at least once."""
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
    """Return what tells of this machine's energy. Raises BenchError with the reason where nothing does."""
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
    raise BenchError("this machine does not tell its energy (no RAPL in /sys/class/powercap, no Pi 5's PMIC)")


@dataclass(frozen=True, slots=True)
class Rapl:
    """The counters of all processor packages, in microjoules; they begin again at their range's end."""

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
                "RAPL's counters are for root alone: run it by sudo, or "
                "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"
            ) from error
        except (OSError, ValueError) as error:
            raise BenchError(f"RAPL's {path} can't be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Pmic:
    """A Raspberry Pi 5's power chip, asked through its firmware again and again while something runs.

    Asking takes energy too, idle or not, so that it is no part of what is above idle.
    """

    program: str
    name: str = "the PMIC's rails"

    def joules(self, work: Callable[[], None]) -> float:
        """Sample beside the work; the mean power by the time is the energy. See `Meter`."""
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
            raise BenchError("the PMIC stopped telling its volts and amperes")
        return fmean(samples) * passed

    def watts(self) -> float | None:
        """Return the power of all rails whose volts and amperes it tells, or None."""
        said = run_program([self.program, "pmic_read_adc"], _ASK_S).stdout
        rails: dict[str, dict[str, float]] = {}
        for rail, unit, value in _RAIL.findall(said):
            rails.setdefault(rail, {})[unit] = float(value)
        powers = [rail["A"] * rail["V"] for rail in rails.values() if len(rail) == 2]
        return sum(powers) if powers else None
