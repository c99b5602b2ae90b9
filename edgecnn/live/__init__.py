"""The running loop, the commands that it obeys, and the sinks that it feeds.

`run` is the loop; it is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgecnn.live.loop import run as run

__all__ = ["alive", "command", "loop", "session", "sink", "stats"]


def __getattr__(name: str) -> Any:
    if name != "run":
        raise AttributeError(f"module 'edgecnn.live' has no attribute {name!r}")
    from edgecnn.live.loop import run

    return run
