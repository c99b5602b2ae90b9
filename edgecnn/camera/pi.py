"""The common base of a Raspberry Pi's camera sources: see `picamera` and `rpicam`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.camera import FIRST_S, Camera, Mode
from edgecnn.errors import CameraError

if TYPE_CHECKING:
    from edgecnn.frame import Frame


class PiSource(Camera):
    """A camera by its number, `KIND[:N]`, open once it has given a frame."""

    live = True

    def __init__(self, source: str, mode: Mode | None) -> None:
        kind, _, number = source.partition(":")
        if number and not number.isdecimal():
            raise CameraError(f"{source}: expected {kind} or {kind}:N, with the camera's number")
        self.name = source
        self._number = int(number or 0)
        self._mode = mode or Mode()
        self._index = 0
        self._first: Frame | None = None
        self._granted = ""

    @property
    def description(self) -> str:
        """The size of its frames."""
        return f"{self.name} {self._granted}"

    def read(self) -> Frame | None:
        """Wait for the next frame. Raises CameraError."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return self._next(self._mode.stall_s)

    def close(self) -> None:
        """Release the camera; may be called twice."""
        raise NotImplementedError

    def _next(self, patience: float) -> Frame:
        """Wait for a frame, at most `patience` seconds. Raises CameraError."""
        raise NotImplementedError

    def _wait_for_first(self) -> None:
        """Wait until the sensor runs; close the camera if it gives no frame."""
        try:
            self._first = self._next(FIRST_S)
        except CameraError:
            self.close()
            raise
        height, width = self._first.pixels.shape[:2]
        self._granted = f"{width}×{height}"
