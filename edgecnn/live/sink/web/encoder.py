"""Encodes the newest frame as a JPEG once for all viewers, and only while there are some."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    from edgecnn.frame import Frame
    from edgecnn.live.sink.web.latest import Latest

# More or larger images would take processor time from the loop.
MOST_FPS = 25.0
LONGEST = 1280
QUALITY = 80
LOOK_S = 0.2


class Encoder:
    """Encodes in its own thread: OpenCV releases the interpreter lock, so the loop keeps running."""

    def __init__(self, images: Latest[bytes]) -> None:
        self._images = images
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="encode", daemon=True)
        self._thread.start()

    def put(self, frame: Frame) -> None:
        """Set the newest frame."""
        with self._changed:
            self._frame = frame
            self._changed.notify()

    def close(self) -> None:
        """End the thread; may be called twice."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _is_wanted(self) -> bool:
        return self._frame is not None and self._images.waiting > 0

    def _run(self) -> None:
        due = 0.0
        while True:
            with self._changed:
                # New viewers do not notify, so look at intervals.
                self._changed.wait_for(lambda: self._ended or self._is_wanted(), LOOK_S)
                if self._ended:
                    return
                if not self._is_wanted():
                    continue
                # A newer frame may arrive before this one is due.
                if (early := due - time.monotonic()) > 0 and self._changed.wait_for(
                    lambda: self._ended, early
                ):
                    return
                frame, self._frame = self._frame, None
            due = time.monotonic() + 1 / MOST_FPS
            if frame is not None:
                self._images.put(encode(frame))


def encode(frame: Frame) -> bytes:
    """Return a frame's image as a JPEG of at most 1280 pixels each way."""
    pixels = frame.pixels
    height, width = pixels.shape[:2]
    if (longest := max(height, width)) > LONGEST:
        size = max(1, width * LONGEST // longest), max(1, height * LONGEST // longest)
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
