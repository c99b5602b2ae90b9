"""What the site shows of one camera."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
from starlette.concurrency import run_in_threadpool

from edgecnn.io.json_text import to_json
from edgecnn.live.sink.web.encoder import Encoder
from edgecnn.live.sink.web.history import History
from edgecnn.live.sink.web.latest import Latest
from edgecnn.live.sink.web.status import status_of
from edgecnn.live.sink.web.streams import Told, as_event

if TYPE_CHECKING:
    from edgecnn.frame import Frame, Result
    from edgecnn.live.stats import Stats

# Seconds between updates for viewers, and for metrics alone.
TELL_S, IDLE_S = 0.1, 1.0
# Without a result for so long, the newest one no longer says what the camera sees.
SILENT_S = 5.0
# Requests within this time get the same image.
_SNAPSHOT_S = 0.2


class Snapshot(NamedTuple):
    """A frame as a PNG, and when it was encoded, in seconds on the monotonic clock."""

    frame: Frame
    data: bytes
    made_s: float


class CameraView:
    """One camera's newest result, and its streams, whose viewers may be many.

    The loop's thread calls `show` and `tell`.

    Attributes
    ----------
    status
        The last status of the run, see `status_of`; empty before the first result.
    result_s
        The time of the newest result, on the monotonic clock; before one, that of the beginning.
    images, events
        What viewers follow.
    history
        The answers of the last hour.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str = "") -> None:
        self.images: Latest[bytes] = Latest(loop)
        self.events: Latest[Told] = Latest(loop)
        self.history = History()
        self.status: dict[str, Any] = {}
        self.result_s = time.monotonic()
        self._name = name
        self._newest: tuple[Result, Stats] | None = None
        self._encoder = Encoder(self.images)
        self._told = Told()
        self._state: object = None
        self._due_s = 0.0
        self._encoding = asyncio.Semaphore(1)
        self._snapshot: Snapshot | None = None

    def show(self, result: Result, stats: Stats) -> None:
        """Set the newest result."""
        self._newest = result, stats
        self.result_s = time.monotonic()
        self.history.add(result.shown, result.ranking[0].score)
        self._encoder.put(result.frame)

    @property
    def is_due(self) -> bool:
        """Whether viewers should be told of the newest result."""
        return time.monotonic() >= self._due_s

    @property
    def is_changed(self) -> bool:
        """Whether something has changed that viewers expect to see immediately."""
        return self._newest is not None and _state(self._newest[1]) != self._state

    def tell(self, more: dict[str, Any]) -> None:
        """Tell viewers the status of the newest result, with more keys."""
        if self._newest is None:
            return
        result, stats = self._newest
        self.status = status_of(result, stats) | more
        self._state = _state(stats)
        self._due_s = time.monotonic() + (TELL_S if self.events.readers else IDLE_S)
        self.put(run=as_event(to_json(self.status)))

    def put(self, **events: str | None) -> None:
        """Replace some of the events that viewers follow, by their names in `Told`."""
        self._told = self._told._replace(**events)
        self.events.put(self._told)

    def brief(self) -> dict[str, Any]:
        """Return what the list of cameras has of it."""
        if self._newest is None:
            return {"source": self._name, "shown": None, "seconds_since_result": None}
        result, stats = self._newest
        age_s = time.monotonic() - self.result_s
        shown = result.shown if age_s < SILENT_S or stats.paused else None
        return {"source": result.frame.source, "shown": shown, "seconds_since_result": round(age_s, 1)}

    async def snapshot(self) -> Snapshot | None:
        """Return the newest frame in full; None before the first one."""
        if self._newest is None:
            return None
        async with self._encoding:
            if self._snapshot is None or time.monotonic() - self._snapshot.made_s > _SNAPSHOT_S:
                frame = self._newest[0].frame
                data = (await run_in_threadpool(cv2.imencode, ".png", frame.pixels))[1].tobytes()
                self._snapshot = Snapshot(frame, data, time.monotonic())
            return self._snapshot

    def close(self) -> None:
        """End its streams; may be called twice."""
        self._encoder.close()
        self.images.end()
        self.events.end()


def _state(stats: Stats) -> object:
    """Return what viewers can change, and expect to see immediately."""
    return stats.paused, stats.variant, stats.settings
