"""Reopens a live camera that was unplugged, stalled or disconnected."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from edgecnn.camera import Camera
from edgecnn.camera.guarded import CameraHung
from edgecnn.errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.frame import Frame

# Seconds between two attempts to reopen it; the last one repeats.
WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0)
# After this time of success the waits start from the first one.
HELD_S = 10.0
# Each hanging call leaves a thread and maybe the device open: then a new process is needed.
MOST_HUNG = 3


class RecoveringCamera(Camera):
    """A live camera whose `read` reopens it when it fails or ends, for as long as it takes.

    Numbering continues, so that each index occurs once. Missing frames are not replaced. One line is printed
    when the camera is lost, and one when it is back.

    Parameters
    ----------
    camera
        The open camera; closed with this one. None for one that `read` opens first.
    reopen
        Reopens it. Raises CameraError while that is impossible.
    say
        Prints a line.
    ended
        Ends a `read` that waits, which then returns None.
    name
        Its source, where there is no open camera.
    """

    live = True

    def __init__(
        self,
        camera: Camera | None,
        reopen: Callable[[], Camera],
        say: Callable[[str], None],
        ended: threading.Event,
        name: str = "",
    ) -> None:
        self.name = camera.name if camera else name
        self._camera: Camera | None = camera
        self._description = camera.description if camera else f"{name} (not open yet)"
        self._reopen, self._say, self._ended = reopen, say, ended
        self._first_index = self._next_index = 0
        self._opened = time.monotonic()
        # Since when it is lost; 0 while it is not.
        self._lost = 0.0 if camera else self._opened
        self._needed: tuple[int | None, bool] = None, False
        self._tries = self._hung = 0
        self._closing = threading.Lock()
        self._closed = False

    @property
    def description(self) -> str:
        """The description of the camera that was opened last."""
        return self._description

    def read(self) -> Frame | None:
        """Wait for the next frame, and for the camera if it is lost; None after `interrupt`.

        Raises CameraError when its driver hung for the third time.
        """
        while not self._ended.is_set():
            if self._camera is None and not self._open_again():
                continue
            assert self._camera is not None  # noqa: S101 - it was opened
            try:
                frame = self._camera.read()
            except Exception as error:  # noqa: BLE001 - whatever a driver raises, the thread survives
                self._let_go(_reason(self.name, error))
                self._count_hung(error)
                continue
            if frame is None:
                self._let_go(f"{self.name} ended")
                continue
            self._back()
            index = self._first_index + frame.index
            self._next_index = index + 1
            return replace(frame, index=index)
        return None

    def need(self, side: int | None, *, whole: bool = False) -> None:
        """Pass it on, also to the camera when it is reopened."""
        self._needed = side, whole
        if camera := self._camera:
            camera.need(side, whole=whole)

    def close(self) -> None:
        """Close the camera; may be called twice, and while another thread reopens it."""
        with self._closing:
            self._closed = True
        self._release()

    def _release(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()

    def interrupt(self) -> None:
        """End a wait in `read`."""
        self._ended.set()
        if camera := self._camera:
            camera.interrupt()

    def _let_go(self, reason: str) -> None:
        # A device that stays open comes back under another name.
        with suppress(Exception):  # a driver that failed may fail here too
            self._release()
        if time.monotonic() - self._opened >= HELD_S:
            self._tries = 0
        # Failures while the run ends are not reported.
        if not self._lost and not self._ended.is_set():
            self._lost = time.monotonic()
            self._say(f"{reason}; it is reopened when it is back")

    def _open_again(self) -> bool:
        wait = WAITS_S[min(self._tries, len(WAITS_S) - 1)]
        self._tries += 1
        if self._ended.wait(wait):
            return False
        try:
            camera = self._reopen()
        except Exception as error:  # noqa: BLE001 - as in `read`
            self._count_hung(error)
            return False
        side, whole = self._needed
        camera.need(side, whole=whole)
        with self._closing:
            if not (self._closed or self._ended.is_set()):
                self._camera = camera
        if self._camera is None:
            camera.close()
            return False
        self.name, self._description = camera.name, camera.description
        self._opened = time.monotonic()
        self._first_index = self._next_index
        return True

    def _count_hung(self, error: Exception) -> None:
        self._hung += isinstance(error, CameraHung)
        if self._hung >= MOST_HUNG:
            raise CameraError(
                f"{self.name} hung {self._hung} times: unplug it and start again; `sudo dmesg` may say why, "
                "often its power supply is too weak"
            )

    def _back(self) -> None:
        """Report that it is back, with its first frame."""
        if self._lost:
            away, self._lost = time.monotonic() - self._lost, 0.0
            self._say(f"{self._description} is back after {away:.1f} s")


def _reason(name: str, error: Exception) -> str:
    """Return why a camera was lost, in one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, CameraError) else f"{name} failed ({type(error).__name__}: {text})"
