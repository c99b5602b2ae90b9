"""Learns in the background: embeds new photos, fits the head in a moment, then measures how good it is."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from edgecnn.errors import EdgeCnnError
from edgecnn.io.closing import Closing
from edgecnn.io.quiet import say
from edgecnn.learning.crossval import Choice
from edgecnn.learning.embedder import Embedder
from edgecnn.learning.photos import Reader
from edgecnn.learning.views import PLAIN
from edgecnn.machine.priority import lower_priority
from edgecnn.teaching.appraisal import Appraisal, appraise, can_be_judged
from edgecnn.teaching.knowledge import know, nothing
from edgecnn.teaching.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.learning.trunk import Trunk
    from edgecnn.teaching.knowledge import Knowledge
    from edgecnn.teaching.memory import Seen
    from edgecnn.teaching.photos import TaughtFolder

# Photos that are embedded before the model answers by them.
_BATCH = 16
# How often changes by other programs are looked for, and how long nothing changes before it is measured.
_LOOK_S, _QUIET_S = 2.0, 0.5
# While many photos are embedded, as at a start, the head is fitted at most so often.
_PUBLISH_S = 1.0
# After learning while photos are recorded, so many times as long is left to the live loop.
_EASE = 8
# Until cross-validation has chosen.
_FIRST_CHOICE = Choice(0.1, (PLAIN,))


class Learner(Closing):
    """Keeps what is known up to date with a folder, in two threads: one learns, the other measures.

    Attributes
    ----------
    knowledge
        What is known now. It is replaced, never changed.
    appraisal
        How good it was at the last measurement; None before the first one.
    problem
        Why the folder can't be read; None if it can.
    """

    def __init__(
        self,
        folder: TaughtFolder,
        trunk: Trunk,
        *,
        flip: bool = True,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        self._folder, self._trunk, self._seed = folder, trunk, seed
        self._embedder = Embedder(trunk, threads=threads)
        self._memory = Memory(folder, Reader(trunk, self._embedder), flip=flip)
        self.knowledge: Knowledge = nothing(self._embedder.values)
        self.appraisal: Appraisal | None = None
        self.problem: str | None = None
        self._look_s = self._ease_s = 0.0
        self._choice = _FIRST_CHOICE
        self._learned = self._tried = self._known = -1
        self._lock = threading.Lock()
        self._lately: tuple[int, Seen] | None = None
        self._ended = threading.Event()
        self._wake, self._soon, self._measure = threading.Event(), threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=self._guarded, args=(run,), name=name, daemon=True)
            for name, run in (("learn", self._learn), ("measure", self._appraise))
        ]
        self._wake.set()
        for thread in self._threads:
            thread.start()

    @property
    def busy(self) -> bool:
        """Whether photos wait to be learned or measured."""
        now = self._folder.revision
        return self._learned != now or self._tried != now

    @property
    def unreadable(self) -> dict[str, str]:
        """The photos that can't be read, and why."""
        return dict(self._memory.unreadable)

    def wake(self, *, soon: bool = True) -> None:
        """Learn what has changed; from any thread.

        Parameters
        ----------
        soon
            Whether someone waits for the answer. Without, as while photos are recorded, most of the time is
            left to the live loop, and the views wait until the recording ends.
        """
        if soon:
            self._soon.set()
        self._wake.set()

    def close(self) -> None:
        """End both threads, and close the engine; may be called twice."""
        self._ended.set()
        self.wake()
        self._measure.set()
        for thread in self._threads:
            thread.join()
        self._embedder.close()

    def _guarded(self, run: Callable[[], None]) -> None:
        if run == self._appraise:
            lower_priority()
        while not self._ended.is_set():
            try:
                run()
            except Exception as error:  # noqa: BLE001 - without this thread nothing would be learned any more
                kind = "" if isinstance(error, EdgeCnnError) else f"{type(error).__name__}: "
                say(f"teaching: {kind}{error}")
                self._ended.wait(_LOOK_S)

    def _wait(self) -> bool:
        """Wait until there may be something to learn; return whether it is to be learned completely."""
        woken = self._wake.wait(max(0.0, self._look_s - time.monotonic()))
        if woken:
            self._soon.wait(max(0.0, self._ease_s - time.monotonic()))
        self._wake.clear()
        soon = self._soon.is_set() or not woken
        self._soon.clear()
        return soon

    def _learn(self) -> None:
        soon = self._wait()
        if self._ended.is_set():
            return
        began_s = time.monotonic()
        if time.monotonic() >= self._look_s:
            self._look()
        published_s = 0.0
        while not self._ended.is_set() and self._folder.revision != self._learned:
            revision = self._folder.revision
            left = self._memory.embed(_BATCH, views=False)
            if not left or time.monotonic() - published_s > _PUBLISH_S:
                self._publish(revision, self._memory.seen())
                published_s = time.monotonic()
            if left:
                continue
            if not soon and not self._soon.is_set():
                break
            while not self._ended.is_set() and self._folder.revision == revision:
                if not self._memory.embed(_BATCH, views=True):
                    break
            if self._folder.revision == revision:
                seen = self._memory.seen()
                self._publish(revision, seen)
                self._learned, self._lately = revision, (revision, seen)
                self._measure.set()
        self._ease_s = time.monotonic() + _EASE * (time.monotonic() - began_s)

    def _look(self) -> None:
        """Look for changes by other programs."""
        self._look_s = time.monotonic() + _LOOK_S
        try:
            if not self._folder.refresh() and self._memory.is_outdated:
                self._folder.touch()
        except EdgeCnnError as error:
            self.problem = str(error)
        else:
            self.problem = None

    def _publish(self, revision: int, seen: Seen) -> None:
        """Know what these photos of a revision teach, unless a later one is known already."""
        if not seen.labels:
            known = nothing(self._embedder.values)
        else:
            last = self.appraisal
            rule = last.rule if last is not None and last.labels == seen.labels else None
            views = tuple(view for view in self._choice.views if view in seen.photos.views)
            choice = self._choice._replace(views=views or (PLAIN,))
            known = know(seen.photos, seen.labels, choice, rule, self._seed)
        with self._lock:
            if revision >= self._known:
                self._known, self.knowledge = revision, known

    def _appraise(self) -> None:
        self._measure.wait()
        self._measure.clear()
        # Photos that arrive every moment would be measured for nothing.
        if self._ended.wait(_QUIET_S) or self._lately is None:
            return
        revision, seen = self._lately
        if revision != self._folder.revision:
            return
        if can_be_judged(seen):
            found = appraise(self._trunk, self._folder, seen, revision, self._seed)
            self.appraisal, self._choice = found, found.choice
            if revision == self._folder.revision:
                self._publish(revision, seen)
        else:
            self.appraisal = None
        self._tried = revision
