"""Results as JSON, one object a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from edgecnn.frame import Command
from edgecnn.sink.lines import LineFile

if TYPE_CHECKING:
    from types import TracebackType

    from edgecnn.frame import Result
    from edgecnn.stats import Stats


class JsonlSink:
    """Adds `classify --json`'s object with `time`, `captured_ns`, `age_ms` and, where known, `truth`.

    `-` is stdout. A file that is there grows; see `LineFile` for what happens when the disk is full.
    """

    def __init__(self, path: str) -> None:
        self._lines = LineFile(path)

    def show(self, result: Result, stats: Stats) -> Command | None:  # noqa: ARG002 - the line has its own
        """Write one line."""
        frame = result.frame
        line = result.as_dict() | {
            "time": frame.wall_time().isoformat(timespec="milliseconds"),
            "captured_ns": frame.captured_ns,
            "age_ms": round(result.age_ms, 3),
        }
        if frame.truth is not None:
            line["truth"] = frame.truth
        try:
            self._lines.write(json.dumps(line, ensure_ascii=False))
        except BrokenPipeError:
            return Command.QUIT  # whoever read stdout has seen enough
        return None

    def close(self) -> None:
        """Close the file. Raises OutputError where results are missing in it."""
        self._lines.close()

    def __enter__(self) -> JsonlSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
