"""How Ctrl-C, SIGTERM and a closed terminal end a live run between two frames."""

from __future__ import annotations

import os
import signal
import stat
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# A second signal within this time is a copy of the first, not a second wish.
DUPLICATE_SIGNAL_S = 0.5


class StoppedEarly(BaseException):
    """A signal came before the loop ran: whatever is waited for, such as a camera or a pipe, is left."""


class Signals:
    """What signals have asked for; `running` says that the loop itself looks at `stop`."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.running = False


@contextmanager
def stop_on_signals() -> Iterator[Signals]:
    """Have Ctrl-C, SIGTERM and a closed terminal end the loop between two frames.

    Before it runs they raise `StoppedEarly` instead.

    A second Ctrl-C or SIGTERM has its usual effect, but not one that comes at the first one's heels: who runs
    us in a process group, as `timeout` does, sends to it and to us. Where hanging up is ignored (`nohup`), it
    stays so.
    """
    signals = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return

    first: dict[int, float] = {}

    def end(number: int, _: object) -> None:
        early = not (signals.running or signals.stop.is_set())
        signals.stop.set()
        if time.monotonic() - first.setdefault(number, time.monotonic()) > DUPLICATE_SIGNAL_S:
            signal.signal(number, saved[signal.Signals(number)])
            signal.raise_signal(number)
        if number == getattr(signal, "SIGHUP", None):
            _leave_terminal()
        if early:
            raise StoppedEarly

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    saved = {s: signal.getsignal(s) for s in numbers}
    for number in numbers:
        signal.signal(number, end)
    try:
        yield signals
    finally:
        for number, handler in saved.items():
            signal.signal(number, handler)


def _leave_terminal() -> None:
    """Send to nowhere what would go to a terminal that is closed, where each write fails."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        with suppress(OSError):
            # A terminal that hung up is none any more, and fails as a device.
            if stat.S_ISCHR(os.fstat(handle).st_mode):
                os.dup2(nowhere, handle)
    os.close(nowhere)
