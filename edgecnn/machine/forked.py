"""Copies this process, so that several cores do its work; a copy ends with this process."""

from __future__ import annotations

import gc
import os
import signal
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.io.closing import Closing
from edgecnn.machine.child_process import describe_end, end_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection
    from typing import NoReturn


def may_fork() -> bool:
    """Whether this process has a single thread, native ones included; False where that is not known.

    A copy has only the thread that made it: what others had locked, such as an engine's pool of threads,
    would be locked for ever.
    """
    try:
        return len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:
        return False


class ForkedProcess(Closing):
    """A copy of this process that serves a pipe until this side closes; call `may_fork` first.

    The copy has everything that was open or in memory here, at no cost. It never sees Ctrl-C, which is for
    this process, and runs nothing but `serve`.

    Parameters
    ----------
    serve
        What the copy does with the other end of `pipe`. EOFError and OSError end it as they should, any other
        exception ends it with exit code 1.
    others
        All other copies that are still open.

    Raises
    ------
    OSError
        Where the system has no more processes or memory.
    """

    def __init__(self, serve: Callable[[Connection], None], others: Sequence[ForkedProcess] = ()) -> None:
        self.pipe, theirs = Pipe()
        parent, self._alive = os.pipe()
        # A Ctrl-C that comes as the copy begins would run what this process does at one.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._pid = os.fork()
            if not self._pid:
                _be_copy(serve, theirs, parent, (self, *others), before)
        except OSError:
            self._release()
            raise
        finally:
            theirs.close()
            os.close(parent)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def ended(self) -> str:
        """Wait until it ends, and describe how, for a message."""
        pid, self._pid = self._pid, 0
        return describe_end(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    def close(self) -> None:
        """Kill it, and wait for its end; may be called twice."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            self.ended()
        self._release()

    def _release(self) -> None:
        """Close this side's ends."""
        if not self.pipe.closed:
            self.pipe.close()
            os.close(self._alive)


def _be_copy(
    serve: Callable[[Connection], None],
    pipe: Connection,
    parent: int,
    open_here: Sequence[ForkedProcess],
    signals: set[int | signal.Signals],
) -> NoReturn:
    """Be the copy; never return into the code that made it, nor run what that registered for its end."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, signals)
        for other in open_here:
            other._release()  # the parent's ends, which would hide the parent's end
        with suppress(RuntimeError):  # without another thread it ends at its next word to the parent
            end_with_parent(parent)
        gc.freeze()  # looking for garbage in the common memory would copy it
        with suppress(EOFError, OSError):
            serve(pipe)
        code = 0
    finally:
        os._exit(code)
