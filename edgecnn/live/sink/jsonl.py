"""Results as JSON, one object a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.io.json_text import to_json
from edgecnn.live.sink.lines import LineSink

if TYPE_CHECKING:
    import threading

    from edgecnn.frame import Result


class JsonlSink(LineSink):
    """Adds `classify --json`'s object with `time`, `captured_ns`, `age_ms` and, where known, `truth`.

    `-` is stdout. An existing file grows; see `LineFile` for a full disk.
    """

    takes = ("stop",)

    def __init__(self, path: str, stop: threading.Event | None = None) -> None:
        super().__init__(path, stop=stop)

    def line(self, result: Result) -> str:
        """Return the object as JSON."""
        frame = result.frame
        line = result.as_dict() | {
            "time": frame.wall_time().isoformat(timespec="milliseconds"),
            "captured_ns": frame.captured_ns,
            "age_ms": round(result.age_ms, 3),
        }
        if frame.truth is not None:
            line["truth"] = frame.truth
        return to_json(line)
