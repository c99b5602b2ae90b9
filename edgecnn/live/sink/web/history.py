"""The answers of the last hour, in memory."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

HOUR_S = 3600.0
# One answer a second is taken: more would show nothing more in a strip of an hour.
EACH_S = 1.0
# Without an answer for longer than this, what was shown before has ended: a pause, or a camera that is gone.
GAP_S = 5.0


@dataclass(slots=True)
class _Stretch:
    """Consecutive answers with one label, on the monotonic clock."""

    label: str
    since_s: float
    until_s: float
    scores: float
    count: int = 1


class History:
    """The answers of the last hour; answers in a row with the same label are joined to one entry.

    One thread adds answers, any thread may read.
    """

    def __init__(self) -> None:
        # With one answer a second, an hour has no more.
        self._stretches = deque[_Stretch](maxlen=int(HOUR_S / EACH_S))
        self._lock = threading.Lock()
        self._due_s = 0.0

    def add(self, label: str, score: float) -> None:
        """Take an answer and its score, if none was taken within the last second."""
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        self._due_s = now_s + EACH_S
        with self._lock:
            last = self._stretches[-1] if self._stretches else None
            if last is not None and now_s - last.until_s <= GAP_S:
                last.until_s = now_s
                if last.label == label:
                    last.scores += score
                    last.count += 1
                    return
            self._stretches.append(_Stretch(label, now_s, now_s, score))

    def entries(self) -> list[dict[str, Any]]:
        """Return the entries, oldest first, as `GET history` has them.

        `t` is how many seconds ago an entry began, `seconds` how long it lasted, `score` the mean.
        """
        now_s = time.monotonic()
        with self._lock:
            while self._stretches and self._stretches[0].until_s < now_s - HOUR_S:
                self._stretches.popleft()
            return [_entry(stretch, now_s) for stretch in self._stretches]


def _entry(stretch: _Stretch, now_s: float) -> dict[str, Any]:
    since_s = max(stretch.since_s, now_s - HOUR_S)
    return {
        "t": round(now_s - since_s, 1),
        "seconds": round(stretch.until_s - since_s, 1),
        "label": stretch.label,
        "score": round(stretch.scores / stretch.count, 6),
    }
