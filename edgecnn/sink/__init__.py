"""Sinks show or keep results. The table names the views; a module is imported when its view is chosen."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

    from edgecnn.frame import Command, Result
    from edgecnn.stats import Stats

VIEWS = {
    "window": ("edgecnn.sink.window", "WindowSink"),
    "terminal": ("edgecnn.sink.terminal", "TerminalSink"),
}


class Sink(Protocol):
    """Takes every result, in the loop's thread; it has to be quick. Whoever opened it closes it."""

    def show(self, result: Result, stats: Stats) -> Command | None:
        """Take one result; return what the person asked for meanwhile. Raises OutputError."""
        ...

    def close(self) -> None:
        """Close the window, file or screen; may be called twice."""
        ...

    def __enter__(self) -> Sink: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_view(name: str, console: Console) -> Sink:
    """Open a view by its name from the table."""
    module, factory = VIEWS[name]
    sink: Sink = getattr(importlib.import_module(module), factory)(console)
    return sink
