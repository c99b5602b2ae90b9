"""Sinks show or keep results. The table names the views; a module is imported when its view is chosen."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

from edgecnn.io.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from edgecnn.frame import Result
    from edgecnn.live.command import Command
    from edgecnn.live.stats import Stats

__all__ = ["Sink", "jsonl", "open_view", "table", "video", "web", "window"]

VIEWS = {
    "window": ("edgecnn.live.sink.window", "WindowSink"),
    "terminal": ("edgecnn.live.sink.terminal", "TerminalSink"),
    "web": ("edgecnn.live.sink.web.server", "WebSink"),
}


class Sink(Closing, Protocol):
    """Takes every result. A class that inherits it needs `show` alone; whoever opened a sink closes it.

    All is called in the loop's thread and has to be quick.

    Attributes
    ----------
    needs_picture
        Whether it looks at the pictures themselves: where no sink does, they may come smaller than the camera
        gives them.
    """

    needs_picture: bool = True

    def show(self, result: Result, stats: Stats) -> None:
        """Take one result, with what the run amounts to so far. Raises OutputError."""
        ...

    def poll(self, stats: Stats) -> Sequence[Command]:  # noqa: ARG002 - for those that ask
        """Return what was asked for since the last call.

        Called after each result, and several times a second while there is none.
        """
        return ()

    def close(self) -> None:
        """Close the window, file or screen; may be called twice."""
        return


def open_view(name: str, console: Console, **options: Any) -> Sink:
    """Open a view by its name from the table, with the options that are its own."""
    module, factory = VIEWS[name]
    sink: Sink = getattr(importlib.import_module(module), factory)(console, **options)
    return sink
