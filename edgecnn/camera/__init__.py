"""Cameras give frames. The table names them; a module is imported when its camera is chosen.

A source is `N`, `/dev/videoN` or any other path to a camera's device, `picamera` or `rpicam` (the Raspberry
Pi's own), a video file or a URL, an image, a folder or a pattern (`shots/*.jpg`), `synthetic` with its
options, or `auto`: the first real camera that opens.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edgecnn.errors import CameraError
from edgecnn.image.names import VIDEO_EXTENSIONS
from edgecnn.io.address import mask_secrets
from edgecnn.io.closing import Closing
from edgecnn.io.nearby import did_you_mean
from edgecnn.machine.board import describe_board

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from edgecnn.bundle.convention import Background
    from edgecnn.frame import Frame

__all__ = [
    "STALL_S",
    "Camera",
    "Mode",
    "open_camera",
    "open_guarded",
    "open_recovering",
    "paths",
    "real_cameras",
    "split_sources",
    "synthetic",
    "v4l2",
]

CAMERAS = {
    "opencv": ("edgecnn.camera.opencv", "OpenCvCamera"),
    "polled": ("edgecnn.camera.polled", "open_stream_or_poll"),
    "picamera": ("edgecnn.camera.picamera", "PiCamera"),
    "rpicam": ("edgecnn.camera.rpicam", "RpicamCamera"),
    "files": ("edgecnn.camera.files", "FilesCamera"),
    "synthetic": ("edgecnn.camera.synthetic", "SyntheticCamera"),
}
# The number of V4L2's devices (Linux' admin-guide/devices.txt).
_VIDEO_MAJOR = 81
# How a source begins that follows the query of a URL.
_SOURCE = re.compile(
    r"\s*([a-z][a-z0-9+.-]*://|[./~]|(auto|picamera|rpicam|synthetic)([:\s]|$))", re.IGNORECASE
)

STALL_S = 5.0
# A sensor takes a while to start, and a network to answer.
FIRST_S = 15.0
# What has not opened after this time never will, whichever sources were tried; and what has not read after
# so many times the stall's, in which drivers end by themselves.
OPENING_S = 90.0
HANGS = 3
# Clocks of drivers that are further behind are other clocks.
_OLDEST_STAMP_NS = 10_000_000_000


@dataclass(frozen=True, slots=True)
class Mode:
    """What is asked of a camera; what it granted is in its description.

    `fps` is frames a second, None for the camera's own choice; of pictures in files, how many are given in a
    second, None for as many as are wanted. `stall_s` is how long no picture may come before the camera counts
    as lost. `background` is the ground for transparent images in files.
    """

    width: int = 640
    height: int = 480
    fps: float | None = None
    stall_s: float = STALL_S
    background: Background = "white"


class Camera(Closing, Protocol):
    """Gives frames to one thread; whoever opened it closes it.

    A class that inherits it needs `name`, `live` and `read` alone.

    Attributes
    ----------
    name
        The source as the user named it, without the secrets of an address.
    address
        What opens it again, secrets and all, where that is another text than its name; never shown.
    live
        Whether time goes on without us: frames of a live camera may be dropped, those of a file never are.
    fps
        Pictures a second, as far as the driver or file says; else None.
    description
        What was opened and what it granted, for a person.
    """

    name: str
    live: bool
    address: str | None = None
    fps: float | None = None

    @property
    def description(self) -> str:
        """Say it in one line."""
        return self.name

    def read(self) -> Frame | None:
        """Wait for the next frame; None at the end of a file. Raises CameraError where a camera fails."""
        ...

    def need(self, side: int | None, *, whole: bool = False) -> None:  # noqa: ARG002 - for those that can
        """Say how long the shorter side of pictures has to be at least, from a next one on; None for all.

        May be called from another thread. A camera that gets JPEG files decodes them smaller then; others
        take no notice. With `whole` somebody looks at the pictures, and they have their full size; of files
        the model still gets what it gets elsewhere (`Frame.small`).
        """
        return

    def interrupt(self) -> None:
        """End a wait in `read`, from another thread; one for a driver ends with the driver's time-out."""
        return

    def close(self) -> None:
        """Release the device; may be called twice."""
        return


def split_sources(text: str) -> list[str]:
    """Split `auto,synthetic:seed=7,fps=0` into its sources; a comma before `key=` stays inside one.

    So does a comma of a URL's query, unless what follows begins as a source does: `http://…?size=640,480`;
    and one of its password, which an `@` follows.
    """
    found: list[str] = []
    for part in re.split(r",(?![a-z_]+=)", text):
        inside = found and re.search(r"://.*\?" if "@" not in part else "://", found[-1])
        if inside and not _SOURCE.match(part):
            found[-1] += f",{part}"
        else:
            found.append(part)
    return [part.strip() for part in found if part.strip()]


def open_camera(sources: str, mode: Mode | None = None) -> Camera:
    """Open the first of the comma-separated sources that works, and ask it for this mode.

    Raises
    ------
    CameraError
        With the reason of every source that was tried.
    """
    reasons: list[str] = []
    # A file whose name has a comma in it is one source.
    names = [sources] if os.path.exists(sources) else split_sources(sources)  # noqa: PTH110
    for source in names:
        candidates = real_cameras() if source == "auto" else [source]
        if not candidates:
            reasons.append("auto: there is no camera device (/dev/video*)")
        for candidate in candidates:
            try:
                return _open(candidate, mode or Mode())
            except CameraError as error:
                reasons.append(str(error))
    why = "; ".join(reasons) or "none was given"
    end = " " if why.endswith("?") else "; "
    hint = "" if "synthetic" in sources else f"{end}`--source synthetic` needs no camera"
    raise CameraError(mask_secrets(f"no source opens: {why}{hint}"))


def open_recovering(sources: str, mode: Mode, say: Callable[[str], None], ended: threading.Event) -> Camera:
    """Open a source as `open_camera` does; a real camera or stream among them is opened again when it fails.

    The same one is, or any real camera where `auto` was asked for; never a source that stands in for it.
    `say` and `ended` are `RecoveringCamera`'s. A driver that does not answer is left behind, also where
    `ended` is set while it opens: CameraLeft is raised then.
    """
    from edgecnn.camera.guarded import GuardedCamera
    from edgecnn.camera.recovery import RecoveringCamera

    def opened(names: str) -> GuardedCamera:
        return GuardedCamera.open(lambda: open_camera(names, mode), OPENING_S, HANGS * mode.stall_s, ended)

    camera = opened(sources)
    if camera.name.partition(":")[0] == "synthetic":
        return camera.leave_worker()
    if not camera.live:
        # A video of a network can stall, a file of this machine can't.
        return camera if "://" in camera.name else camera.leave_worker()
    again = [camera.address or camera.name] + (["auto"] if "auto" in split_sources(sources) else [])
    return RecoveringCamera(camera, lambda: opened(",".join(again)), say, ended)


def open_guarded(sources: str, mode: Mode | None = None) -> Camera:
    """Open a source as `open_camera` does, but so that Ctrl-C ends a wait for it at once."""
    from edgecnn.camera.guarded import GuardedCamera

    mode = mode or Mode()
    return GuardedCamera.open(lambda: open_camera(sources, mode), OPENING_S, HANGS * mode.stall_s)


def real_cameras() -> list[str]:
    """Return the sources that `auto` tries: V4L2 cameras, then the Raspberry Pi's own where that can be.

    On a Raspberry Pi both of its programs are tried, so that the reasons say what to install.
    """
    pi = "Raspberry Pi" in (describe_board().model or "")
    own = []
    if pi or importlib.util.find_spec("picamera2"):
        own.append("picamera")
    if pi or shutil.which("rpicam-vid"):
        own.append("rpicam")
    return [*video_devices(), *own]


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


def driver_stamp(stamp_ns: float, now_ns: int) -> int:
    """Return a driver's time of capture where it is on the clock of `time.monotonic_ns`, else now."""
    return int(stamp_ns) if 0 <= now_ns - stamp_ns < _OLDEST_STAMP_NS else now_ns


def is_device(source: str) -> bool:
    """Whether a source is a camera's device: a number, any path to one, or one in /dev that is not there.

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


def is_video_file(path: Path) -> bool:
    """Whether a file is read frame by frame, judged by its name."""
    return path.suffix.lower() in VIDEO_EXTENSIONS and not os.path.isdir(path)  # noqa: PTH112


def _open(source: str, mode: Mode) -> Camera:
    # FFmpeg knows schemes in small letters alone.
    source = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*(?=://)", lambda scheme: scheme[0].lower(), source)
    if (own := source.partition(":")[0]) in ("synthetic", "picamera", "rpicam"):
        kind = own
    elif re.match("https?://", source):
        kind = "polled"
    elif is_device(source) or "://" in source:
        kind = "opencv"
    elif is_pattern(source):
        kind = "files"
    else:
        path = Path(source)
        if not os.path.exists(path):  # noqa: PTH110 - pathlib's raises where a folder may not be entered
            raise CameraError(f"{source}: no such file, and no other kind of source{did_you_mean(source)}")
        kind = "opencv" if is_video_file(path) else "files"
    module, factory = CAMERAS[kind]
    camera: Camera = getattr(importlib.import_module(module), factory)(source, mode)
    return camera
