"""Reads files of /proc and /sys, which may be missing on another system."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def read_system_file(path: str | Path) -> str | None:
    """Return a file's text without surrounding blanks; None where it is empty or can't be read."""
    try:
        return Path(path).read_text("utf-8", "replace").strip("\0\t\r\n ") or None
    except OSError:
        return None


def read_temperature(root: Path = Path("/")) -> float | None:
    """Return the processor's temperature in °C, from the first thermal zone; None where there is none."""
    value = read_system_file(root / "sys/class/thermal/thermal_zone0/temp")
    with suppress(ValueError):
        return int(value or "") / 1000
    return None
