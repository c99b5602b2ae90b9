"""The table of cameras: where each one's code is, which sources it takes, and which are on this machine."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from typing import TYPE_CHECKING, NamedTuple

from edgecnn.camera.devices import is_device, is_pattern, video_devices
from edgecnn.camera.scene import describe_scenes
from edgecnn.image.names import is_video_file
from edgecnn.machine.board import describe_board
from edgecnn.machine.rpicam import list_own_cameras
from edgecnn.plugins import PluginTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.plugins import Factory


class CameraEntry(NamedTuple):
    """A row of the table of cameras.

    Attributes
    ----------
    factory
        The class, or `module:name` of it: called with the source and a `Mode`, it returns an open `Camera` or
        raises CameraError.
    usage
        Its sources, as help shows them; "" for none.
    matches
        Whether a source is one of its own; None for `NAME` and `NAME:…`.
    found
        Returns its sources on this machine, for `auto` and `edgecnn cameras`.
    describe
        Returns lines about one of these, for `edgecnn cameras`; None for what V4L2 knows of a device's path.
    """

    factory: Factory
    usage: str = ""
    matches: Callable[[str], bool] | None = None
    found: Callable[[], list[str]] | None = None
    describe: Callable[[str], list[str]] | None = None


def _has_picamera() -> list[str]:
    return ["picamera"] if _is_raspberry_pi() or importlib.util.find_spec("picamera2") else []


def _has_rpicam() -> list[str]:
    return ["rpicam"] if _is_raspberry_pi() or shutil.which("rpicam-vid") else []


def _is_raspberry_pi() -> bool:
    return "Raspberry Pi" in (describe_board().model or "")


# pathlib's `exists` raises where a folder may not be entered.
def _is_file_or_folder(source: str) -> bool:
    return is_pattern(source) or os.path.exists(source)  # noqa: PTH110


def _is_video(source: str) -> bool:
    is_file = is_video_file(source) and os.path.exists(source)  # noqa: PTH110
    return is_file or is_device(source) or "://" in source


def _is_http(source: str) -> bool:
    return re.match("https?://", source) is not None


# The last row that matches a source takes it, so that a row that is added takes priority.
CAMERAS = PluginTable(
    "camera",
    {
        "files": CameraEntry(
            "edgecnn.camera.files:FilesCamera", "image, folder or pattern", _is_file_or_folder
        ),
        "opencv": CameraEntry(
            "edgecnn.camera.opencv:OpenCvCamera",
            "camera number, device path, video or URL",
            _is_video,
            video_devices,
        ),
        "polled": CameraEntry("edgecnn.camera.polled:open_stream_or_poll", matches=_is_http),
        "picamera": CameraEntry(
            "edgecnn.camera.picamera:PiCamera", "picamera[:N]", found=_has_picamera, describe=list_own_cameras
        ),
        "rpicam": CameraEntry(
            "edgecnn.camera.rpicam:RpicamCamera", "rpicam[:N]", found=_has_rpicam, describe=list_own_cameras
        ),
        "synthetic": CameraEntry(
            "edgecnn.camera.synthetic:SyntheticCamera",
            "synthetic[:scene=digits,seed=0,fps=30]",
            describe=describe_scenes,
        ),
    },
    lambda name, factory: CameraEntry(factory, f"{name}[:…]"),
)


def register_camera(
    name: str,
    factory: Factory,
    *,
    matches: Callable[[str], bool] | None = None,
    usage: str = "",
    found: Callable[[], list[str]] | None = None,
    describe: Callable[[str], list[str]] | None = None,
) -> None:
    """Add a camera for this process; the entry points `edgecnn.cameras` add them for every one.

    Parameters
    ----------
    name
        Sources `NAME` and `NAME:…` are its own.
    factory
        The class, or `module:name` of it: called with the source and a `Mode`, it returns an open `Camera` or
        raises CameraError.
    matches
        Whether a source is one of its own; None for those above. It takes priority over all earlier rows.
    usage
        Its sources, as help shows them.
    found
        Returns its sources on this machine, for `auto` and `edgecnn cameras`.
    describe
        Returns lines about one of these, for `edgecnn cameras`.

    Raises
    ------
    OptionError
        For the name of a camera that ships.
    """
    CAMERAS.add(name, CameraEntry(factory, usage or f"{name}[:…]", matches, found, describe))


def describe_sources() -> str:
    """Return what `--source` takes, in a line made of the table."""
    return ", ".join(entry.usage for entry in CAMERAS.values() if entry.usage)


def find_camera(source: str) -> CameraEntry | None:
    """Return the row that takes a source, None where none does.

    Entry points are read for a source that no row takes.
    """
    entry = _matching(source)
    if entry is None:
        CAMERAS.add_installed()
        entry = _matching(source)
    return entry


def _matching(source: str) -> CameraEntry | None:
    for name, entry in reversed(CAMERAS.items()):
        if entry.matches(source) if entry.matches else source.partition(":")[0] == name:
            return entry
    return None


def may_come(source: str) -> bool:
    """Whether a source that does not open may do so later: a device or a stream, not a file or a drawing."""
    if source == "auto" or is_device(source) or re.match(r"(?!file:)[^/]+://", source.lower()):
        return True
    entry = find_camera(source)
    return entry is not None and entry.matches is None and entry.found is not None


def real_cameras() -> list[str]:
    """Return the sources that `auto` tries: V4L2 cameras, then the Raspberry Pi's own where that can be.

    On a Raspberry Pi both of its programs are tried, so that the reasons say what to install.
    """
    return [source for entry in CAMERAS.values() if entry.found for source in entry.found()]


def describe_source(source: str) -> list[str]:
    """Return lines about a source that `real_cameras` found, other than the path of a device."""
    entry = find_camera(source)
    return entry.describe(source) if entry and entry.describe else []
