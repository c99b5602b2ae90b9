"""Cameras give frames. One table names them; a module is imported when a source of its camera is opened.

A source is `N`, `/dev/videoN` or any other path to a camera's device, `picamera` or `rpicam` (the Raspberry
Pi's own), a video file or a URL, an image, a folder or a pattern (`shots/*.jpg`), `synthetic` with its
options, one of a registered camera, or `auto`: the first real camera that opens.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edgecnn.camera.table import CAMERAS as CAMERAS
from edgecnn.camera.table import describe_source as describe_source
from edgecnn.camera.table import describe_sources as describe_sources
from edgecnn.camera.table import find_camera, may_come
from edgecnn.camera.table import real_cameras as real_cameras
from edgecnn.camera.table import register_camera as register_camera
from edgecnn.errors import CameraError
from edgecnn.io.address import mask_secrets
from edgecnn.io.closing import Closing
from edgecnn.io.nearby import did_you_mean
from edgecnn.plugins import load_factory

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from edgecnn.bundle.input_spec import Background
    from edgecnn.camera.guarded import GuardedCamera
    from edgecnn.frame import Frame

__all__ = [
    "STALL_S",
    "Camera",
    "Mode",
    "describe_source",
    "describe_sources",
    "open_camera",
    "open_guarded",
    "open_later",
    "open_recovering",
    "real_cameras",
    "register_camera",
    "split_sources",
    "synthetic",
    "v4l2",
    "video",
]

# How a source begins that follows the query of a URL, and has no name of a camera.
_ADDRESS_OR_PATH = r"(?i)\s*([a-z][a-z0-9+.-]*://|[./~])"

STALL_S = 5.0
# A sensor takes a while to start, and a network to answer.
FIRST_S = 15.0
# A camera that has not opened after this time never will, and one that has not read after so many times the
# stall's time, in which drivers end on their own, never will either.
OPENING_S = 90.0
HANGS = 3


@dataclass(frozen=True, slots=True)
class Mode:
    """The requested mode of a camera; its description has what was granted.

    `fps` is frames a second, None for the camera's own choice; for image files the number given in a second,
    None for no limit. `stall_s` is the time without a frame after which the camera counts as lost.
    `background` is the ground for transparent images in files.
    """

    width: int = 640
    height: int = 480
    fps: float | None = None
    stall_s: float = STALL_S
    background: Background = "white"


class Camera(Closing, Protocol):
    """Gives frames to one thread. The caller who opened it closes it.

    A subclass needs `name`, `live` and `read` only.

    Attributes
    ----------
    name
        The source as the user named it, without the secrets of an address.
    address
        The text that reopens it, with its secrets, if that is not its name; never shown.
    live
        Whether it keeps running between reads: its frames may be dropped, those of a file never are.
    may_hang
        Whether a driver or a network may fail or never answer: its calls are then guarded, and a live camera
        is reopened when it fails.
    fps
        Frames a second, as far as the driver or file says; else None.
    description
        What was opened and what the camera granted, as text.
    """

    name: str
    live: bool
    may_hang: bool = True
    address: str | None = None
    fps: float | None = None

    @property
    def description(self) -> str:
        """Say it in one line."""
        return self.name

    def read(self) -> Frame | None:
        """Wait for the next frame; None at the end of a file. Raises CameraError if the camera fails."""
        ...

    def need(self, side: int | None, *, whole: bool = False) -> None:  # noqa: ARG002 - for those that can
        """Set the least length of the frames' shorter side in pixels from now on; None for full size.

        May be called from another thread. A camera that gets JPEG files then decodes them smaller; others
        ignore it. With `whole` frames are displayed and keep their full size; the model still gets the same
        image of a file as elsewhere (`Frame.small`).
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
    for part in re.split(r",(?!\s*[a-z_-]+=)", text):
        inside = found and re.search(r"://.*\?" if "@" not in part else "://", found[-1])
        if inside and not _begins_source(part):
            found[-1] += f",{part}"
        else:
            found.append(part)
    return [part.strip() for part in found if part.strip()]


def _begins_source(text: str) -> bool:
    name = re.split(r"[:\s]", text.strip(), maxsplit=1)[0].lower()
    named = (key for key, entry in CAMERAS.items() if entry.matches is None)
    return re.match(_ADDRESS_OR_PATH, text) is not None or name in ("auto", *named)


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
    from edgecnn.camera.recovery import RecoveringCamera

    camera = _open_in_worker(sources, mode, ended)
    if not camera.may_hang:
        return camera.leave_worker()
    if not camera.live:
        return camera
    again = [camera.address or camera.name] + (["auto"] if "auto" in split_sources(sources) else [])
    return RecoveringCamera(camera, lambda: _open_in_worker(",".join(again), mode, ended), say, ended)


def open_later(sources: str, mode: Mode, say: Callable[[str], None], ended: threading.Event) -> Camera | None:
    """Return a camera for sources that did not open: its `read` opens one, as a lost camera is opened again.

    None where none of them is a device or a stream: a file that is missing was mistyped.
    """
    from edgecnn.camera.recovery import RecoveringCamera

    later = ",".join(source for source in split_sources(sources) if may_come(source))

    def opened() -> Camera:
        camera = _open_in_worker(later, mode, ended)
        if not camera.live:
            camera.close()
            raise CameraError(f"{camera.name} is no live camera")
        return camera

    return RecoveringCamera(None, opened, say, ended, mask_secrets(later)) if later else None


def _open_in_worker(sources: str, mode: Mode, ended: threading.Event | None = None) -> GuardedCamera:
    from edgecnn.camera.guarded import GuardedCamera

    return GuardedCamera.open(lambda: open_camera(sources, mode), OPENING_S, HANGS * mode.stall_s, ended)


def open_guarded(sources: str, mode: Mode | None = None) -> Camera:
    """Open a source as `open_camera` does, but so that Ctrl-C ends a wait for it immediately."""
    return _open_in_worker(sources, mode or Mode())


def _open(source: str, mode: Mode) -> Camera:
    # FFmpeg knows schemes in small letters only.
    source = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*(?=://)", lambda scheme: scheme[0].lower(), source)
    entry = find_camera(source)
    if entry is None:
        raise CameraError(f"{source}: no such file, and no other kind of source{did_you_mean(source)}")
    try:
        factory = load_factory(entry.factory)
    except ImportError as error:
        raise CameraError(f"{mask_secrets(source)}: its camera can't be imported: {error}") from error
    try:
        camera: Camera = factory(source, mode)
    except ImportError as error:
        raise CameraError(f"{mask_secrets(source)}: its camera needs a library: {error}") from error
    return camera
