"""The machine: 64 bit, Python, clock, temperature, power, memory, disk."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.doctor.diagnosis import failure, ok, warning
from edgecnn.machine.board import describe_board
from edgecnn.machine.system_files import read_temperature
from edgecnn.machine.throttling import SINCE_START, ask_throttled, describe_throttling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.doctor.diagnosis import Diagnosis, System

PYTHONS = ((3, 11), (3, 13))
# A Raspberry Pi 3, 4 and 5 slow down from 80 to 85 °C on.
HOT_C = 80.0
LEAST_MEMORY_MIB = 150
LEAST_DISK_MIB = 200
_POWER = "use the power supply that is made for this Raspberry Pi, and a powered hub for other devices"
_COOL = "give it a heat sink or a fan"


def examine(system: System) -> Iterator[Diagnosis]:
    """Report on the machine."""
    board = describe_board()
    yield ok("machine", board.summary)
    yield _bits(board.architecture)
    yield _python(sys.version_info[:2])
    yield from _governor(system)
    yield from _temperature(system)
    yield from _throttling(system)
    yield from _memory(system)
    yield _disk(shutil.disk_usage(Path.cwd()).free)


def _bits(architecture: str, largest: int = sys.maxsize) -> Diagnosis:
    if largest > 2**32:
        return ok("system", f"64 bit, {architecture}")
    return failure(
        "system",
        f"32 bit, {architecture}: LiteRT has no wheels for it",
        "install the 64-bit system: Raspberry Pi OS (64-bit)",
    )


def _python(version: tuple[int, int]) -> Diagnosis:
    oldest, newest = PYTHONS
    text = f"{version[0]}.{version[1]}"
    asked = f"install Python {oldest[0]}.{oldest[1]} to {newest[0]}.{newest[1]}"
    if version < oldest:
        return failure("python", f"{text} is too old", asked)
    if version > newest:
        return warning("python", f"{text} is newer than the tested versions", asked)
    return ok("python", f"{text}, {sys.executable}")


def _governor(system: System) -> Iterator[Diagnosis]:
    files = "sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
    found = {system.read(str(path.relative_to(system.root))) for path in system.glob(files)}
    if "powersave" in found:
        yield warning(
            "clock",
            "the governor is powersave: the processor stays at its lowest clock",
            f"echo ondemand | sudo tee /{files}",
        )
    elif found:
        yield ok("clock", f"governor {', '.join(sorted(filter(None, found)))}")


def _temperature(system: System) -> Iterator[Diagnosis]:
    if (degrees := read_temperature(system.root)) is not None:
        hot = degrees >= HOT_C
        text = f"{degrees:.0f} °C"
        yield warning("temperature", f"{text}: it slows down", _COOL) if hot else ok("temperature", text)


def _throttling(system: System) -> Iterator[Diagnosis]:
    program = system.which("vcgencmd")
    if program is None:
        return
    bits, answer = ask_throttled(program)
    if bits is None:
        yield warning("power", f"vcgencmd get_throttled does not answer: {answer}", "sudo reboot")
        return
    now, before = describe_throttling(bits)
    if not now and not before:
        yield ok("power", "no under-voltage and no throttling since the start")
        return
    texts = [f"now: {', '.join(now)}"] if now else []
    texts += [f"since the start: {', '.join(before)}"] if before else []
    low = bits & (1 | 1 << SINCE_START)
    yield warning("power", f"{'; '.join(texts)} ({bits:#x})", _POWER if low else _COOL)


def _memory(system: System) -> Iterator[Diagnosis]:
    match = re.search(r"^MemAvailable:\s+(\d+) kB", system.read("proc/meminfo") or "", re.MULTILINE)
    if match:
        free = int(match[1]) // 1024
        text = f"{free:,} MiB are free"
        if free < LEAST_MEMORY_MIB:
            yield warning("memory", text, "end other programs: ps aux --sort -rss")
        else:
            yield ok("memory", text)


def _disk(free: int) -> Diagnosis:
    text = f"{free // 2**20:,} MiB are free here"
    return ok("disk", text) if free >> 20 >= LEAST_DISK_MIB else warning("disk", text, "sudo apt clean")
