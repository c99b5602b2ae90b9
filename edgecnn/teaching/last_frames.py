"""The frames that were shown lately: a correction means one of them."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from edgecnn.errors import DataError

if TYPE_CHECKING:
    from edgecnn.frame import Frame

# So many frames, so far apart, within this memory.
_MOST, _APART_NS, _MOST_BYTES = 32, 100_000_000, 32 << 20


class LastFrames:
    """The newest frame, and before it one each tenth of a second; threads may share it."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque(maxlen=_MOST)
        self._lock = threading.Lock()

    def add(self, frame: Frame) -> None:
        """Remember a frame that is shown."""
        with self._lock:
            last = self._frames
            if len(last) > 1 and last[-1].captured_ns - last[-2].captured_ns < _APART_NS:
                last.pop()
            last.append(frame)
            while len(last) > 1 and len(last) * frame.pixels.nbytes > _MOST_BYTES:
                last.popleft()

    def find(self, index: int | None) -> Frame:
        """Return the frame with this index, or the one next to it; the newest one for None.

        Raises DataError for one that was shown too long ago.
        """
        with self._lock:
            last = list(self._frames)
        if not last:
            raise DataError("no frame was seen yet: wait for the camera")
        if index is None:
            return last[-1]
        if index < last[0].index:
            raise DataError(f"frame {index} was shown too long ago: correct one of the last seconds")
        return min(last, key=lambda frame: abs(frame.index - index))
