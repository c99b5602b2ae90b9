"""Runs a module of edgecnn as a child process that ends with this one and can be killed at any time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress


class ChildProcess:
    """`python -m MODULE HANDLE ARGUMENT…`, which inherits the open file `handle`.

    Parameters
    ----------
    environment
        Environment variables in addition to those of this process.
    quiet
        Whether to discard its stderr.

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
        self._child = subprocess.Popen(  # noqa: S603 - no shell, and a module of edgecnn
            # -P: never import a numpy.py from the current folder.
            [sys.executable, "-P", "-m", module, str(handle), *arguments],
            pass_fds=[handle],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | (environment or {}),
            stdin=subprocess.PIPE,  # it ends when this side closes: see `end_with_parent`
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if quiet else None,
            start_new_session=True,  # a Ctrl-C in the terminal is for us
        )

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._child.pid

    def kill(self) -> None:
        """Kill it, and leave the waiting to another thread."""
        self._child.kill()

    def end(self) -> None:
        """Kill it, and wait for its end."""
        self._child.kill()
        self._child.wait()
        assert self._child.stdin is not None  # noqa: S101 - it is a pipe
        self._child.stdin.close()

    def ended(self) -> str:
        """Describe how it ended, for a message."""
        with suppress(subprocess.TimeoutExpired):
            return describe_end(self._child.wait(1))
        return "ended"


def describe_end(code: int) -> str:
    """Describe how a process ended by its exit code, which is negative for a signal."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else "ended"


def end_with_parent(handle: int = 0) -> None:
    """In the child: end this process when its parent ends, whatever it is doing.

    `handle` is a pipe whose other end only the parent has; 0 for stdin, as `ChildProcess` sets it up.
    """
    threading.Thread(target=_wait_for_parent, args=[handle], daemon=True).start()


def _wait_for_parent(handle: int) -> None:
    # Not by `sys.stdin`: a process that ends meanwhile could not lock it, and would abort.
    while os.read(handle, 1):
        pass
    os.kill(os.getpid(), signal.SIGKILL)
