"""Sinks show, keep or send results; `table` names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from edgecnn.live.command import CommandSource

if TYPE_CHECKING:
    from edgecnn.frame import Result
    from edgecnn.live.stats import Stats

__all__ = ["Sink", "one_camera", "table", "terminal", "web", "window"]


class Sink(CommandSource, Protocol):
    """Takes every result. A class that inherits it needs `show` only.

    The loop calls its methods in its own thread, so they have to be quick, and obeys the commands that `poll`
    returns. The code that opens a sink closes it.

    Attributes
    ----------
    takes
        The facts of a run that its constructor takes by keyword; see `open_sink`.
    needs_picture
        Whether it uses the pixels of frames: where no sink does, frames may be smaller than the camera's.
    """

    takes: ClassVar[tuple[str, ...]] = ()
    needs_picture: bool = True

    def show(self, result: Result, stats: Stats) -> None:
        """Take one result, with the counts of the run so far. Raises OutputError."""
        ...

    def close(self) -> None:
        """Close the window, file or screen; may be called twice."""
        return
