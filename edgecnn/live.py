"""The live loop: one thread captures, a one-slot mailbox keeps the newest frame, the loop classifies it."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from edgecnn.errors import CameraError
from edgecnn.frame import Command
from edgecnn.stats import Stats, Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgecnn.camera import Camera
    from edgecnn.classifier import Classifier
    from edgecnn.frame import Frame, Result
    from edgecnn.framing import Framing
    from edgecnn.sink import Sink
    from edgecnn.smooth import Smoother

FIRST_FRAME_S = 15.0
_POLL_S = 0.1


class Mailbox:
    """One slot between the capture thread and the loop.

    For a live camera the newest frame replaces the one that nobody took (counted as dropped); with
    `keep_all` the camera waits instead.
    """

    def __init__(self, *, keep_all: bool) -> None:
        self._keep_all = keep_all
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._error: BaseException | None = None
        self.closed = False
        self.dropped = 0

    def put(self, frame: Frame) -> None:
        """Leave a frame; returns at once unless `keep_all` has it wait for the slot."""
        with self._changed:
            while self._keep_all and self._frame is not None and not self.closed:
                self._changed.wait()
            if self._frame is not None and not self.closed:
                self.dropped += 1
            self._frame = frame
            self._changed.notify_all()

    def get(self, timeout: float) -> Frame | None:
        """Take the newest frame, or None when none comes in time.

        After the last frame was taken, raises what ended the capture thread, or EOFError at a plain end.
        """
        with self._changed:
            if self._frame is None and not self.closed:
                self._changed.wait(timeout)
            frame, self._frame = self._frame, None
            self._changed.notify_all()
            if frame is None and self.closed:
                raise self._error or EOFError
            return frame

    def close(self, error: BaseException | None = None) -> None:
        """Say that no more frames come, and why if it was not the end."""
        with self._changed:
            self.closed = True
            self._error = error
            self._changed.notify_all()


def run(
    classifier: Classifier,
    camera: Camera,
    sinks: Sequence[Sink],
    *,
    seconds: float | None = None,
    frames: int | None = None,
    stop: threading.Event | None = None,
    top: int = 3,
    smoother: Smoother | None = None,
    framing: Framing | None = None,
) -> Summary:
    """Classify what the camera sees until it ends, a limit is reached, or someone asks to stop.

    Parameters
    ----------
    seconds
        How long, from the first frame on.
    frames
        How many frames at most.
    stop
        Set it from a signal handler or another thread; it is set when the loop has ended.
    smoother
        For a steady answer beside each frame's own; see `Classifier.smoother`.
    framing
        How frames are turned, and what of them is classified.

    Raises
    ------
    CameraError
        Where the camera fails while it runs.
    EngineError, OutputError
        Where the engine or a sink fails.
    """
    stop = stop or threading.Event()
    mailbox = Mailbox(keep_all=not camera.live)
    thread = threading.Thread(target=_capture, args=(camera, mailbox, stop), name="capture", daemon=True)
    stats = Stats()
    thread.start()

    def classify(frame: Frame) -> Result:
        return classifier.classify_frame(framing(frame) if framing else frame, top, smoother)

    try:
        _loop(classify, classifier.labels, mailbox, sinks, stats, stop, seconds, frames)
    finally:
        stop.set()
        mailbox.close()
        camera.interrupt()
        thread.join(timeout=FIRST_FRAME_S)
    return stats.summary(camera.description)


def _capture(camera: Camera, mailbox: Mailbox, ended: threading.Event) -> None:
    try:
        while not ended.is_set() and (frame := camera.read()) is not None:
            mailbox.put(frame)
        mailbox.close()
    except BaseException as error:  # noqa: BLE001 - raised again in the loop's thread
        mailbox.close(error)


def _loop(
    classify: Callable[[Frame], Result],
    labels: tuple[str, ...],
    mailbox: Mailbox,
    sinks: Sequence[Sink],
    stats: Stats,
    stop: threading.Event,
    seconds: float | None,
    frames: int | None,
) -> None:
    patience = time.monotonic() + FIRST_FRAME_S
    end = float("inf")
    while not stop.is_set() and time.monotonic() < end:
        try:
            frame = mailbox.get(_POLL_S)
        except EOFError:
            return
        if frame is None:
            if not stats.frames and time.monotonic() > patience:
                raise CameraError(f"the camera opened but gave no picture in {FIRST_FRAME_S:.0f} s")
            continue
        if not stats.frames and seconds is not None:
            end = time.monotonic() + seconds
        if frame.truth is not None and frame.truth not in labels:
            # A source that draws digits knows nothing of a model that names something else.
            frame = replace(frame, truth=None)
        result = classify(frame)
        stats.add(result, mailbox.dropped)
        commands = [sink.show(result, stats) for sink in sinks]
        if Command.QUIT in commands or (frames is not None and stats.frames >= frames):
            return
