"""The keys of the window and the terminal, and how they are read from a terminal."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from typing import TYPE_CHECKING, Any

from edgecnn.live.command import Command, Pause, Quit, Save, Switch

if TYPE_CHECKING:
    from collections.abc import Iterable

KEYS: dict[str, Command] = {"q": Quit(), " ": Pause(), "s": Save(), "v": Switch()}
HELP = "q quits, space pauses, s saves the frame, v switches int8 and float"


def commands(keys: Iterable[str]) -> list[Command]:
    """Return the commands of these keys; other keys have none."""
    return [KEYS[key] for key in (k.lower() for k in keys) if key in KEYS]


class TerminalKeys:
    """Reads single key presses without waiting, where standard input is a terminal."""

    def __init__(self) -> None:
        self.active = False
        self._saved: Any = None
        if sys.stdin is None or not sys.stdin.isatty():
            return
        try:
            import termios
            import tty
        except ImportError:
            return
        with contextlib.suppress(OSError, termios.error):
            if not _in_background(sys.stdin.fileno()):
                self._saved = termios.tcgetattr(sys.stdin)
                tty.setcbreak(sys.stdin)
                self.active = True

    def pressed(self) -> str:
        """Return the keys pressed since the last call. Raises OSError if the terminal was closed."""
        if not self.active or not select.select([sys.stdin], [], [], 0)[0]:
            return ""
        pressed = os.read(sys.stdin.fileno(), 64).decode("utf-8", "replace")
        # Function and arrow keys are letters after an escape.
        return "" if pressed.startswith("\x1b") else pressed

    def close(self) -> None:
        """Restore the terminal."""
        if self.active:
            import termios

            self.active = False
            with contextlib.suppress(termios.error):  # it is closed: nothing to restore
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._saved)


def _in_background(terminal: int) -> bool:
    """Whether the system would stop this program for changing its terminal."""
    try:
        return os.tcgetpgrp(terminal) != os.getpgrp()
    except OSError:  # not the terminal that started this program
        return False
