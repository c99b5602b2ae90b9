"""Gives a sink the results of one camera of several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.live.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.frame import Result
    from edgecnn.live.command import Command
    from edgecnn.live.stats import Stats


class OneCamera(Sink):
    """Passes the results of one camera to a sink, which it closes."""

    def __init__(self, number: int, sink: Sink) -> None:
        self._number, self._sink = number, sink
        self.needs_picture = sink.needs_picture

    def show(self, result: Result, stats: Stats) -> None:
        """Pass it on if it is that camera's."""
        if stats.camera == self._number:
            self._sink.show(result, stats)

    def poll(self, stats: Stats) -> Sequence[Command]:
        """Return the sink's commands."""
        return self._sink.poll(stats)

    def close(self) -> None:
        """Close the sink; may be called twice."""
        self._sink.close()


def number_path(path: str, number: int) -> str:
    """Return the path of one camera's file: `door.mp4` becomes `door-0.mp4`."""
    named = Path(path)
    return str(named.with_name(f"{named.stem}-{number}{named.suffix}"))
