"""Limits the frame rate of sources that have all their frames already."""

from __future__ import annotations

import threading
import time


class Pace:
    """Waits for the time of each frame; at 0 fps it never waits. `interrupt` ends all waits."""

    def __init__(self, fps: float) -> None:
        self._period_ns = int(1e9 / fps) if fps else 0
        self._next_ns = 0
        self._interrupted = threading.Event()

    def wait(self) -> None:
        """Wait until a period has passed since the last frame's time."""
        now = time.monotonic_ns()
        if self._next_ns > now:
            self._interrupted.wait((self._next_ns - now) / 1e9)
        self._next_ns = max(self._next_ns, now) + self._period_ns

    def interrupt(self) -> None:
        """End a wait, from another thread."""
        self._interrupted.set()
