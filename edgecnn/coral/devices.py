"""Finds Coral's Edge TPUs, checks the permission to use them, and finds their library.

Nothing is opened here.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import NamedTuple

LIBRARY = "libedgetpu.so.1"
# The path of another library; that one finds its devices itself.
LIBRARY_VARIABLE = "EDGECNN_EDGETPU_LIBRARY"
GET_LIBRARY = "sudo apt install libedgetpu1-std (from https://coral.ai/software)"
OTHER_BUILDS = (
    "install a libedgetpu that was built for a newer TensorFlow Lite: https://github.com/feranick/libedgetpu"
)

# A USB Accelerator before its first use, while it still needs its firmware, and after it.
_USB_IDS = {("1a6e", "089a"): "not used yet", ("18d1", "9302"): "in use before"}
_FOLDERS = ("usr/lib", "usr/local/lib", "lib", f"usr/lib/{platform.machine()}-linux-gnu")


class Device(NamedTuple):
    """An Edge TPU: its description, its device file (None if unknown), and the group of that file."""

    description: str
    node: Path | None
    group: str

    @property
    def usable(self) -> bool:
        """Whether this process may use it."""
        return self.node is None or not self.node.exists() or os.access(self.node, os.R_OK | os.W_OK)

    @property
    def fix(self) -> str:
        """The command that gives the user permission."""
        return f"sudo usermod -aG {self.group} $USER, then log out and in"


def find_devices(root: Path = Path("/")) -> list[Device]:
    """Return the connected Edge TPUs, first on USB, then on PCIe."""
    found = []
    for folder in sorted(root.glob("sys/bus/usb/devices/*")):
        ids = _read(folder / "idVendor"), _read(folder / "idProduct")
        if ids in _USB_IDS:
            bus, number = _read(folder / "busnum"), _read(folder / "devnum")
            known = bus.isdecimal() and number.isdecimal()
            node = root / f"dev/bus/usb/{int(bus):03}/{int(number):03}" if known else None
            found.append(Device(f"a USB Accelerator, {_USB_IDS[ids]}", node, "plugdev"))
    return found + [Device(f"a card at {c}", c, "apex") for c in sorted(root.glob("dev/apex_*"))]


def find_library(root: Path = Path("/")) -> Path | None:
    """Return the library's path, or None if it is not installed."""
    if named := os.environ.get(LIBRARY_VARIABLE):
        return Path(named)
    candidates = (root / folder / LIBRARY for folder in _FOLDERS)
    return next((path for path in candidates if path.exists()), None)


def why_no_device(root: Path = Path("/")) -> str | None:
    """Return why no Edge TPU can be used, as far as that is known without opening it; otherwise None.

    A library that `EDGECNN_EDGETPU_LIBRARY` names decides on its own, so the result is None.
    """
    if os.environ.get(LIBRARY_VARIABLE):
        return None
    devices = find_devices(root)
    if not devices:
        return "no Edge TPU is plugged in"
    if find_library(root) is None:
        return f"{devices[0].description}, but {LIBRARY} is not installed: {GET_LIBRARY}"
    if not any(device.usable for device in devices):
        return f"{devices[0].description}; you may not use it: {devices[0].fix}"
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
