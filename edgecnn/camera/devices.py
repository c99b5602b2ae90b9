"""Camera devices of Linux: which paths are devices, which exist, and whose clock their stamps are on."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from edgecnn.errors import CameraError

# The number of V4L2's devices (Linux' admin-guide/devices.txt).
_VIDEO_MAJOR = 81
# Clocks of drivers that are further behind are other clocks.
_OLDEST_STAMP_NS = 10_000_000_000


def video_devices() -> list[str]:
    """Return the paths of V4L2 cameras, lowest number first.

    A webcam's metadata, and a Raspberry Pi's video codecs, image processors and its own camera's raw data are
    V4L2 devices too, and are left out.
    """
    devices = [p for p in Path("/dev").glob("video*") if re.fullmatch(r"video\d+", p.name)]
    return [
        str(p) for p in sorted(devices, key=lambda p: int(p.name[5:])) if not _is_codec(p) and _captures(p)
    ]


def _is_codec(device: Path) -> bool:
    try:
        name = Path("/sys/class/video4linux", device.name, "name").read_text("utf-8", "replace")
    except OSError:
        return False
    return re.search(r"codec|isp|hevc|unicam|rp1-cfe", name, re.IGNORECASE) is not None


def _captures(device: Path) -> bool:
    from edgecnn.camera.v4l2 import describe_device

    try:
        return describe_device(str(device)).captures
    except CameraError:
        return True  # opening it will say why


def is_device(source: str) -> bool:
    """Whether a source is a camera's device: a number, any path to one, or a missing path in /dev.

    So a link of udev's (/dev/v4l/by-id/…, /dev/front-door) stays a camera while it is unplugged.
    """
    if re.fullmatch(r"[0-9]{1,4}", source, re.ASCII):
        return True
    try:
        found = os.stat(source)  # noqa: PTH116 - a name that no path can have
        return stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) == _VIDEO_MAJOR
    except FileNotFoundError:
        return source.startswith("/dev/") and not is_pattern(source)
    except (OSError, ValueError):
        return False


def is_pattern(source: str) -> bool:
    """Whether a source is a pattern of file names, and no file of that very name."""
    return any(c in source for c in "*?[") and not os.path.exists(source)  # noqa: PTH110


def driver_stamp(stamp_ns: float, now_ns: int) -> int:
    """Return a driver's time of capture where it is on the clock of `time.monotonic_ns`, else now."""
    return int(stamp_ns) if 0 <= now_ns - stamp_ns < _OLDEST_STAMP_NS else now_ns
