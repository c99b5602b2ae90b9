"""Turns of processes that decode side by side: one at a time has an image that needs much memory.

Alone, a process may take half of the memory for an image (`file.py`). Side by side, each may take its part of
a quarter; for more it waits until no other process has such an image.
"""

from __future__ import annotations

import os

from edgecnn.machine.memory import memory_limit

# All processes together take at most 1/SHARE of the memory for images without a turn.
SHARE = 4


class _Turn:
    """A lock of all processes that were forked since it was made; it opens where one ends."""

    def __init__(self, processes: int) -> None:
        self.free = memory_limit() // (SHARE * processes)
        self.handle = os.memfd_create("edgecnn-turn")
        self.held = False


_made: list[_Turn] = []


def begin_turns(processes: int) -> None:
    """Have this process and those that it forks from now on take turns."""
    end_turns()
    _made.append(_Turn(processes))


def end_turns() -> None:
    """Have this process take turns no more."""
    while _made:
        os.close(_made.pop().handle)


def take_turn(memory: int) -> None:
    """Wait until this process may take that many bytes for an image; it has the turn until `pass_turn`."""
    for turn in _made:
        if memory > turn.free and not turn.held:
            _lock(turn.handle, "LOCK_EX")
            turn.held = True


def pass_turn() -> None:
    """Let another process have the turn: the image is classified and forgotten."""
    for turn in _made:
        if turn.held:
            turn.held = False
            _lock(turn.handle, "LOCK_UN")


def _lock(handle: int, how: str) -> None:
    import fcntl  # few images need it

    fcntl.lockf(handle, getattr(fcntl, how))
