"""Reloads a model whose files were replaced, once it is sound; otherwise the old one keeps running."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from edgecnn.bundle.bundle import find
from edgecnn.errors import EdgeCnnError, ModelNotFound
from edgecnn.evaluation.held_out import why_worse
from edgecnn.io.printable import printable
from edgecnn.io.quiet import say
from edgecnn.live.command import Command, CommandSource, Replace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from types import FrameType

    from edgecnn.bundle.bundle import Bundle
    from edgecnn.classify.classifier import Classifier
    from edgecnn.live.stats import Stats

LOOK_S = 1.0
Fingerprint = tuple[tuple[str, int, int, int], ...]


class Reloader(CommandSource):
    """Opens the model again when SIGUSR1 asks for it, and with `watch` when its files have changed.

    A thread opens it while the loop keeps running, and the loop gets it as a command. A model that can't be
    opened is reported in one line, once for each change. No error ends the thread, so that a sound model that
    is put there later is loaded.

    `watch` alone does not take a bundle whose accuracy is worse than that of the running one by more than
    chance explains (`edgecnn.evaluation.held_out`), unless `allow_worse`. A signal is an explicit request: it
    takes such a bundle, and one line reports that it is worse.

    Parameters
    ----------
    model
        A bundle's name or folder, or a `.tflite` file.
    load
        Opens a variant by its name, if its answers are those of where it was published.
    running
        The bundle that runs now; None for a bare file, which has no accuracy to compare with.
    """

    def __init__(
        self,
        model: str,
        load: Callable[[str], AbstractContextManager[Classifier]],
        running: Bundle | None = None,
        *,
        watch: bool,
        allow_worse: bool = False,
    ) -> None:
        self._model, self._load, self._watch = model, load, watch
        self._running, self._allow_worse = running, allow_worse
        self._known = self._last = fingerprint(model)
        self._variant = self._said = ""
        self._wake, self._ended, self._asked = threading.Event(), False, False
        self._lock = threading.Lock()
        self._ready: Replace | None = None
        self._before: object = None
        self._handles = hasattr(signal, "SIGUSR1") and (threading.current_thread() is threading.main_thread())
        if self._handles:
            self._before = signal.signal(signal.SIGUSR1, self._ask)
        self._thread = threading.Thread(target=self._run, name="reload", daemon=True)
        self._thread.start()

    def poll(self, stats: Stats) -> Sequence[Command]:
        """Return the model that is ready."""
        self._variant = stats.variant
        if self._ready is None:
            return ()
        with self._lock:
            ready, self._ready = self._ready, None
            if ready:
                self._running = ready.classifier.model.bundle
        return [ready] if ready else ()

    def close(self) -> None:
        """End the thread, and close a model that the loop did not take; may be called twice."""
        self._ended = True
        self._wake.set()
        self._thread.join()
        if self._handles:
            self._handles = False
            signal.signal(signal.SIGUSR1, self._before)  # type: ignore[arg-type]
        with self._lock:
            ready, self._ready = self._ready, None
        if ready:
            ready.opened.close()

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        self._wake.set()

    def _run(self) -> None:
        while not self._ended:
            self._wake.wait(LOOK_S if self._watch else None)
            self._wake.clear()
            asked, self._asked = self._asked, False
            if self._ended or not self._variant:
                continue
            try:
                if asked or self._changed():
                    self._said = ""
                    self._open(asked=asked)
            except Exception as error:  # noqa: BLE001 - without this thread no model would ever be reloaded
                self._refuse(error)

    def _changed(self) -> bool:
        """Whether the files differ from those that were tried last, and have not changed for a second."""
        if not self._watch:
            return False
        now = fingerprint(self._model)
        still, self._last = now == self._last, now
        return still and now != self._known and now is not None

    def _open(self, *, asked: bool) -> None:
        self._known = fingerprint(self._model)
        with ExitStack() as stack:
            classifier = stack.enter_context(self._load(self._variant))
            if why := why_worse(classifier.model.bundle, self._running):
                if not (asked or self._allow_worse):
                    say(
                        f"the old model stays in use, since the new one is worse: {why}; "
                        f"`kill -USR1 {os.getpid()}` loads it, `--allow-worse` loads any such model"
                    )
                    return
                say(f"the new model is worse: {why}")
            ready = Replace(classifier, stack.pop_all())
        with self._lock:
            waiting, self._ready = self._ready, ready
        if waiting:
            waiting.opened.close()

    def _refuse(self, error: Exception) -> None:
        """Print why the old model stays in use, unless that was said of the same files."""
        kind = "" if isinstance(error, EdgeCnnError) else f"{type(error).__name__}: "
        reason = printable(" ".join(f"{kind}{error}".split()))
        if reason != self._said:
            self._said = reason
            say(f"the old model stays in use, since the new one can't be loaded: {reason}")


def fingerprint(model: str) -> Fingerprint | None:
    """Return the names, sizes and times of a model's files; None while they are missing."""
    try:
        path = find(model)
        files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
        return tuple((p.name, s.st_ino, s.st_size, s.st_mtime_ns) for p in files if (s := p.stat()))
    except (OSError, ModelNotFound):
        return None
