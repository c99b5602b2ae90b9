"""The condition of a machine around a measurement: clock, temperature, throttling, other load.

Reads /proc and /sys, and asks a Raspberry Pi's firmware; None for what they do not report.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from edgecnn.machine.system_files import read_system_file, read_temperature
from edgecnn.machine.throttling import SINCE_START, ask_throttled, describe_throttling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# A run is not quiet beyond these: the share of a core that other programs took, the share of the clock that
# remained, and the distance between the quartiles of the blocks' medians, relative to the median.
MOST_OTHERS = 0.10
LEAST_CLOCK = 0.90
MOST_DISTANCE = 0.10


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition at one moment; `throttled` are the firmware's bits.

    `busy_s` is the processor time of all programs since the machine started, over all cores; `own_s` that of
    this process and its children.
    """

    at_s: float
    busy_s: float | None
    own_s: float
    clock_mhz: float | None
    temperature_c: float | None
    throttled: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON, without the counters."""
        kept = ("clock_mhz", "temperature_c", "throttled")
        return {name: value for name, value in asdict(self).items() if name in kept}


def read_condition(root: Path = Path("/"), vcgencmd: str | None = None) -> Condition:
    """Read the condition now; takes some milliseconds, on a Raspberry Pi ten."""
    own = os.times()
    program = vcgencmd or shutil.which("vcgencmd")
    return Condition(
        at_s=time.monotonic(),
        busy_s=_busy(read_system_file(root / "proc/stat")),
        own_s=own.user + own.system + own.children_user + own.children_system,
        clock_mhz=_clock(root),
        temperature_c=read_temperature(root),
        throttled=ask_throttled(program)[0] if program else None,
    )


def doubts(before: Condition, after: Condition, blocks: Mapping[str, Sequence[Sequence[float]]]) -> list[str]:
    """Return the reasons not to trust a run; none for a quiet one.

    A run is not quiet where the firmware throttles the processor, the clock has fallen by more than a tenth,
    other programs took more than a tenth of a core, or the quartiles of the blocks' medians differ by more
    than a tenth.

    Parameters
    ----------
    blocks
        The latencies of each candidate by its name, block by block.
    """
    found = []
    bits = (before.throttled or 0) | (after.throttled or 0)
    if before.throttled is not None and after.throttled is not None:
        bits |= (
            after.throttled & ~before.throttled
        ) >> SINCE_START  # throttling that began and ended in between
    if now := describe_throttling(bits)[0]:
        found.append(f"the processor is held back: {', '.join(now)}")
    if before.clock_mhz and after.clock_mhz and after.clock_mhz < LEAST_CLOCK * before.clock_mhz:
        found.append(f"the clock fell from {before.clock_mhz:.0f} to {after.clock_mhz:.0f} MHz")
    others = _others(before, after)
    if others is not None and others > MOST_OTHERS:
        found.append(f"other programs took {others:.0%} of a core")
    for name, values in blocks.items():
        distance = _quartile_distance(values)
        if distance > MOST_DISTANCE:
            found.append(f"{name} is unstable: its blocks' quartiles lie {distance:.0%} apart")
    return found


def _others(before: Condition, after: Condition) -> float | None:
    """Return the share of one core that other programs used in between."""
    passed = after.at_s - before.at_s
    if before.busy_s is None or after.busy_s is None or passed <= 0:
        return None
    return max(0.0, after.busy_s - before.busy_s - (after.own_s - before.own_s)) / passed


def _quartile_distance(blocks: Sequence[Sequence[float]]) -> float:
    medians = sorted(median(block) for block in blocks if block)
    if len(medians) < 4:
        return 0.0
    quarter = len(medians) // 4
    middle = median(medians)
    return (medians[-1 - quarter] - medians[quarter]) / middle if middle else 0.0


def _busy(stat: str | None) -> float | None:
    """Return the busy seconds of all cores, with interrupts and what the host took (steal)."""
    fields = (stat or "").split("\n", 1)[0].split()
    if len(fields) < 9 or fields[0] != "cpu":
        return None
    ticks = [int(fields[k]) for k in (1, 2, 3, 6, 7, 8)]
    return sum(ticks) / os.sysconf("SC_CLK_TCK")


def _clock(root: Path) -> float | None:
    """Return the clock of the fastest core in MHz."""
    files = root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")
    clocks = [int(text) / 1000 for path in files if (text := read_system_file(path)) and text.isdecimal()]
    if not clocks:
        text = read_system_file(root / "proc/cpuinfo") or ""
        clocks = [float(mhz) for mhz in re.findall(r"^cpu MHz\s*: ([\d.]+)", text, re.MULTILINE)]
    return max(clocks, default=None)
