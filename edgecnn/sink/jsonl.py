"""Results as JSON, one object a line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from edgecnn.errors import OutputError
from edgecnn.frame import Command

if TYPE_CHECKING:
    from types import TracebackType

    from edgecnn.frame import Result
    from edgecnn.stats import Stats


class JsonlSink:
    """Writes `classify --json`'s object with `captured_ns`, `age_ms` and, where known, `truth`.

    Each line is handed to the system when it is complete, so that a reader sees whole lines. `-` is stdout.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._file: TextIO = (
                sys.stdout if path == "-" else Path(path).open("w", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed by close()
            )
        except OSError as error:
            raise OutputError(f"{path} can't be written: {error.strerror}") from error

    def show(self, result: Result, stats: Stats) -> Command | None:  # noqa: ARG002 - the line has its own
        """Write one line."""
        line = result.as_dict() | {"captured_ns": result.frame.captured_ns, "age_ms": round(result.age_ms, 3)}
        if result.frame.truth is not None:
            line["truth"] = result.frame.truth
        try:
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._file.flush()
        except BrokenPipeError:
            return Command.QUIT  # whoever read stdout has seen enough
        except OSError as error:
            raise OutputError(f"{self._path} can't be written any more: {error.strerror}") from error
        return None

    def close(self) -> None:
        """Close the file."""
        if self._file is not sys.stdout and not self._file.closed:
            try:
                self._file.close()
            except OSError as error:
                raise OutputError(f"{self._path} can't be written any more: {error.strerror}") from error

    def __enter__(self) -> JsonlSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
