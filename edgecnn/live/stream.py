"""The cameras of a live run, each with its capture thread, mailbox, smoother and counts."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from edgecnn.errors import CameraError, OptionError
from edgecnn.io.quiet import say
from edgecnn.live.mailbox import Mailbox
from edgecnn.live.stats import Stats, join_summaries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgecnn.camera import Camera
    from edgecnn.classify.smooth import Smoother
    from edgecnn.frame import Frame
    from edgecnn.live.stats import Summary


class CameraStream:
    """One camera of a run.

    Attributes
    ----------
    mailbox
        Between its capture thread and the loop.
    stats
        Its counts.
    smoother
        That of its answers; None for none.
    newest
        Its newest frame, after framing; None before the first one.
    """

    def __init__(self, number: int, camera: Camera, changed: threading.Condition) -> None:
        self.camera = camera
        self.mailbox = Mailbox(keep_all=not camera.live, changed=changed)
        self.stats = Stats(number)
        self.stats.delivery = self.mailbox.delivery
        self.smoother: Smoother | None = None
        self.newest: Frame | None = None

    def capture(self, ended: threading.Event) -> None:
        """Read the camera into the mailbox, until it ends or fails, or `ended` is set."""
        try:
            while not ended.is_set() and (frame := self.camera.read()) is not None:
                self.mailbox.put(frame)
            self.mailbox.close()
        except BaseException as error:  # noqa: BLE001 - raised again in the loop's thread
            self.mailbox.close(error)


class CameraStreams:
    """All cameras of a run, whose frames are taken in turn. Raises OptionError for none.

    Attributes
    ----------
    all
        In the order of their numbers.
    """

    def __init__(self, cameras: Sequence[Camera]) -> None:
        if not cameras:
            raise OptionError("no camera was given, expected one or more: open_camera('auto')")
        self._changed = threading.Condition()
        self.all = tuple(CameraStream(number, camera, self._changed) for number, camera in enumerate(cameras))
        # Those that have not ended; the next one first.
        self._turn = [*self.all]
        self._failures: list[str] = []

    @contextmanager
    def capturing(self, stop: threading.Event, patience_s: float) -> Iterator[None]:
        """Read each camera in a thread; at the end set `stop` and join them, for so many seconds each."""
        threads = [
            threading.Thread(target=stream.capture, args=(stop,), name="capture", daemon=True)
            for stream in self.all
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for stream in self.all:
                stream.mailbox.close()
                stream.camera.interrupt()
            for thread in threads:
                thread.join(timeout=patience_s)

    def take(self, timeout: float, *, paused: bool = False) -> tuple[CameraStream, Frame] | None:
        """Take the newest frame of the next camera that has one, or None when none comes in time.

        With `paused`, files wait. Raises EOFError after the last frame of the last camera, or the error that
        ended it. A CameraError of another one is printed and kept for the summary.
        """
        with self._changed:
            taken = self._take_now(paused)
            if taken is None:
                self._changed.wait(timeout)
                taken = self._take_now(paused)
            return taken

    def _take_now(self, paused: bool) -> tuple[CameraStream, Frame] | None:
        for stream in [*self._turn]:
            if paused and stream.mailbox.keep_all:
                continue
            try:
                frame = stream.mailbox.take()
            except (EOFError, CameraError) as error:
                self._turn.remove(stream)
                if not self._turn:
                    raise
                if isinstance(error, CameraError):
                    self._failures.append(str(error))
                    say(f"{error}; the other cameras continue")
                continue
            if frame is not None:
                self._turn.remove(stream)
                self._turn.append(stream)
                return stream, frame
        return None

    @property
    def seen(self) -> int:
        """How many frames were classified, with those that the model answered NaN or infinity."""
        return sum(stream.stats.frames + stream.stats.unanswered for stream in self.all)

    def summary(self) -> Summary:
        """Return the counts of all cameras together; those of each are its `cameras` if there are several."""
        counts, sources = [s.stats for s in self.all], [s.camera.description for s in self.all]
        summary = join_summaries(counts, sources)
        return replace(summary, failures=(*self._failures, *summary.failures))
