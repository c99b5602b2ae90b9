"""Runs a module of ours as a child process that ends with this one, and can be killed whatever it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress


class ChildProcess:
    """`python -m MODULE HANDLE ARGUMENT…`, which gets the open file `handle`.

    Parameters
    ----------
    environment
        Variables that it gets beside those of this process.
    quiet
        Whether its stderr goes nowhere.

    Raises
    ------
    OSError
        Where it can't be started.
    """

    def __init__(
        self,
        module: str,
        handle: int,
        *arguments: str,
        environment: dict[str, str] | None = None,
        quiet: bool = False,
    ) -> None:
        self._child = subprocess.Popen(  # noqa: S603 - no shell, and our own module
            # -P: a numpy.py in the current folder is not to be imported.
            [sys.executable, "-P", "-m", module, str(handle), *arguments],
            pass_fds=[handle],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | (environment or {}),
            stdin=subprocess.PIPE,  # it ends when this end closes: see `end_with_parent`
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if quiet else None,
            start_new_session=True,  # a Ctrl-C in the terminal is for us
        )

    @property
    def pid(self) -> int:
        """The process' number."""
        return self._child.pid

    def kill(self) -> None:
        """Kill it, and leave the rest to whoever waits for it."""
        self._child.kill()

    def end(self) -> None:
        """Kill it, and wait until it is gone."""
        self._child.kill()
        self._child.wait()
        assert self._child.stdin is not None  # noqa: S101 - it is a pipe
        self._child.stdin.close()

    def ended(self) -> str:
        """Say how it came to its end."""
        with suppress(subprocess.TimeoutExpired):
            code = self._child.wait(1)
            if code < 0:
                return f"was ended by {signal.Signals(-code).name}"
        return "ended"


def end_with_parent() -> None:
    """In the child: end this process when its parent does, whatever it is at."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGKILL)
