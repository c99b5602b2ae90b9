"""The one-slot mailbox between a capture thread and the loop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from edgecnn.live.rate import Delivery

if TYPE_CHECKING:
    from edgecnn.frame import Frame

_REST_S = 0.002


class Mailbox:
    """One slot between a capture thread and the loop.

    For a live camera the newest frame replaces one that was not taken (counted as dropped); with `keep_all`
    the camera waits instead.

    Parameters
    ----------
    keep_all
        Whether `put` waits for the loop.
    changed
        Notified of each frame, and of the end; mailboxes of one loop share it. A new one for None.

    Attributes
    ----------
    dropped
        The number of frames that were replaced.
    delivery
        What the camera delivers.
    """

    def __init__(self, *, keep_all: bool, changed: threading.Condition | None = None) -> None:
        self.keep_all = keep_all
        self._changed = changed or threading.Condition()
        self._frame: Frame | None = None
        self._error: BaseException | None = None
        self.closed = False
        self.dropped = 0
        self.delivery = Delivery()

    def put(self, frame: Frame) -> None:
        """Put a frame into the slot; with `keep_all`, wait until it is free.

        After one that replaced another it waits for 2 ms, or until the slot is free: no camera is that fast.
        """
        self.delivery.add(frame)
        with self._changed:
            while self.keep_all and self._frame is not None and not self.closed:
                self._changed.wait()
            late = self._frame is not None and not self.closed
            self.dropped += late
            self._frame = frame
            self._changed.notify_all()
            if late:
                # A source that never waits would take processor and interpreter from the loop.
                self._changed.wait_for(lambda: self._frame is None or self.closed, _REST_S)

    def take(self) -> Frame | None:
        """Take the newest frame; None if none has come since the last one.

        After the last frame, raises the error that ended the capture thread, or EOFError at a normal end.
        """
        with self._changed:
            frame, self._frame = self._frame, None
            if frame is not None:
                self._changed.notify_all()
            elif self.closed:
                raise self._error or EOFError
            return frame

    def close(self, error: BaseException | None = None) -> None:
        """End the frames; `error` is the reason where it was no normal end."""
        with self._changed:
            self.closed = True
            self._error = error
            self._changed.notify_all()
