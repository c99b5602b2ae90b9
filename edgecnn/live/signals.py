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

# A second signal within this time is a copy of the first one.
DUPLICATE_SIGNAL_S = 0.5


class StoppedEarly(BaseException):
    """A signal came before the loop ran, while something such as a camera or a pipe was opened."""


class Signals:
    """`stop` is set by a signal; `running` is set when the loop watches `stop`."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.running = False


@contextmanager
def stop_on_signals() -> Iterator[Signals]:
    """Make Ctrl-C, SIGTERM and a closed terminal end the loop between two frames.

    Before the loop runs they raise `StoppedEarly` instead.

    A second Ctrl-C or SIGTERM has its usual effect, unless it follows within `DUPLICATE_SIGNAL_S`: programs
    such as `timeout` send a signal both to the process and to its group. SIGHUP stays ignored under `nohup`.
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
    """Redirect standard streams from a closed terminal, where each write fails, to the null device."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        with suppress(OSError):
            # `isatty` is false for a terminal that hung up, so ask for a character device.
            if stat.S_ISCHR(os.fstat(handle).st_mode):
                os.dup2(nowhere, handle)
    os.close(nowhere)
