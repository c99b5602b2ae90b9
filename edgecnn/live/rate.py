"""Measures how often something happens, and what a camera delivers."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecnn.frame import Frame

_LATEST = 60


class Rate:
    """Events a second over the latest 60. One thread adds them, any thread may read."""

    def __init__(self) -> None:
        self._moments = deque[float](maxlen=_LATEST)

    def add(self) -> None:
        """Count an event now."""
        self._moments.append(time.monotonic())

    def clear(self) -> None:
        """Forget all events."""
        self._moments.clear()

    def per_s(self) -> float:
        """Return events a second; 0 before the second one."""
        moments = tuple(self._moments)
        span = moments[-1] - moments[0] if moments else 0.0
        return (len(moments) - 1) / span if span else 0.0


class Delivery:
    """What a camera delivers: the size of its newest frame, and frames a second.

    One thread adds frames, any thread may read.

    Attributes
    ----------
    size
        Width and height in pixels; (0, 0) before the first frame.
    """

    def __init__(self) -> None:
        self.size = (0, 0)
        self._rate = Rate()

    def add(self, frame: Frame) -> None:
        """Count a frame."""
        height, width = frame.pixels.shape[:2]
        self.size = (width, height)
        self._rate.add()

    def as_dict(self) -> dict[str, float]:
        """Return it under the names of the status."""
        width, height = self.size
        return {"width": width, "height": height, "fps": round(self._rate.per_s(), 2)}
