"""The live loop: one thread captures, a one-slot mailbox keeps the newest frame, the loop classifies it."""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from edgecnn.classify.variants import Variants
from edgecnn.errors import (
    AnswerError,
    CameraError,
    EdgeCnnError,
    EngineError,
    EngineRestarted,
    OutputError,
)
from edgecnn.image.snapshot import save_frame
from edgecnn.io.quiet import say
from edgecnn.live.command import (
    Classify,
    Command,
    CommandSource,
    Pause,
    Quit,
    Replace,
    Save,
    Switch,
    Tune,
)
from edgecnn.live.mailbox import Mailbox
from edgecnn.live.settings import Settings
from edgecnn.live.stats import Stats, Summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgecnn.camera import Camera
    from edgecnn.classify.classifier import Classifier
    from edgecnn.frame import Frame
    from edgecnn.image.framing import Framing
    from edgecnn.live.sink import Sink

FIRST_FRAME_S = 15.0
_POLL_S = 0.1


def run(
    classifier: Classifier | Variants,
    camera: Camera,
    sinks: Sequence[Sink] = (),
    *,
    commands: Sequence[CommandSource] = (),
    seconds: float | None = None,
    frames: int | None = None,
    stop: threading.Event | None = None,
    top: int = 3,
    smooth: float = 0.0,
    hold: int = 1,
    framing: Framing | None = None,
    save_to: str = ".",
) -> Summary:
    """Classify what the camera sees until it ends, a limit is reached, or a command or `stop` ends the loop.

    Parameters
    ----------
    classifier
        With `Variants`, a command can switch between them.
    sinks, commands
        Sinks take the results and give commands, command sources give commands only. They stay open.
    seconds
        Time limit, from the first frame on.
    frames
        Limit of frames.
    stop
        Set it from a signal handler or another thread; it is set when the loop has ended.
    smooth, hold
        For a smoothed answer next to each frame's own; see `Smoother`. The defaults do nothing.
    framing
        How frames are rotated, and which part of them is classified.
    save_to
        The folder for the frames that the command `Save` writes.

    Raises
    ------
    CameraError
        Where the camera fails while it runs.
    EngineError, OutputError
        Where the engine or a sink fails.
    """
    stop = stop or threading.Event()
    mailbox = Mailbox(keep_all=not camera.live)
    variants = classifier if isinstance(classifier, Variants) else Variants(classifier)
    loop = _Loop(variants, mailbox, camera, sinks, commands, top, smooth, hold, framing, save_to)
    with _capturing(camera, mailbox, stop):
        loop.run(stop, seconds, frames)
    return loop.stats.summary(camera.description)


@contextmanager
def _capturing(camera: Camera, mailbox: Mailbox, stop: threading.Event) -> Iterator[None]:
    """Read the camera into the mailbox in a thread; at the end set `stop` and join it."""
    thread = threading.Thread(target=_capture, args=(camera, mailbox, stop), name="capture", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        mailbox.close()
        camera.interrupt()
        thread.join(timeout=FIRST_FRAME_S)


def _capture(camera: Camera, mailbox: Mailbox, ended: threading.Event) -> None:
    try:
        while not ended.is_set() and (frame := camera.read()) is not None:
            mailbox.put(frame)
        mailbox.close()
    except BaseException as error:  # noqa: BLE001 - raised again in the loop's thread
        mailbox.close(error)


class _Loop:
    """Takes frames from the mailbox, classifies them, feeds the sinks and obeys commands."""

    def __init__(
        self,
        variants: Variants,
        mailbox: Mailbox,
        camera: Camera,
        sinks: Sequence[Sink],
        commands: Sequence[CommandSource],
        top: int,
        smooth: float,
        hold: int,
        framing: Framing | None,
        save_to: str,
    ) -> None:
        self._variants, self._mailbox, self._sinks, self._top = variants, mailbox, sinks, top
        self._camera, self._sources = camera, [*sinks, *commands]
        # Sinks that show frames, and regions in pixels, need frames at full size.
        self._watched = any(sink.needs_picture for sink in sinks)
        self._smooth, self._hold, self._framing, self._save_to = smooth, hold, framing, save_to
        # Kept for other variants and for models that are reloaded; None for each one's own.
        self._threshold: float | None = None
        self._newest: Frame | None = None
        self._quit = False
        self.stats = Stats()
        self.stats.variants = variants.names
        self.stats.delivery = mailbox.delivery
        self._begin()

    def _begin(self) -> None:
        """Start with the current variant: a new smoother, and separate latencies."""
        self._classifier = self._variants.current
        self.stats.least_side = self._classifier.least_side
        self._camera.need(None if self._framing else self.stats.least_side, whole=self._watched)
        if self._threshold is not None:
            self._classifier.set_threshold(self._threshold)
        self._smooth_from_now()
        self._warned = False
        self.stats.run(self._classifier.model.variant)

    def _smooth_from_now(self) -> None:
        """Begin with a new smoother, which has the current rule of unknown."""
        steady = self._smooth or self._hold > 1
        self._smoother = self._classifier.smoother(self._smooth, self._hold) if steady else None
        self.stats.settings = Settings(self._classifier.threshold, self._smooth, self._hold)

    def run(self, stop: threading.Event, seconds: float | None, frames: int | None) -> None:
        patience = time.monotonic() + FIRST_FRAME_S
        end = float("inf")
        while not stop.is_set() and time.monotonic() < end:
            try:
                frame = self._next(stop)
            except EOFError:
                return
            if frame is not None:
                if self._newest is None and seconds is not None:
                    end = time.monotonic() + seconds
                if self._newest is None or not self.stats.paused:
                    # While it is paused, the frame that is shown stays the one to save.
                    self._newest = self._framing(frame) if self._framing else frame
                if not self.stats.paused:
                    self._classify(self._newest)
            elif self._newest is None and time.monotonic() > patience:
                raise CameraError(f"the camera opened but gave no frame in {FIRST_FRAME_S:.0f} s")
            self._obey()
            seen = self.stats.frames + self.stats.unanswered
            if self._quit or (frames is not None and seen >= frames):
                return

    def _next(self, stop: threading.Event) -> Frame | None:
        """Take the newest frame, None if none comes soon; a file waits while the loop is paused."""
        if self.stats.paused and self._mailbox.keep_all:
            stop.wait(_POLL_S)
            return None
        return self._mailbox.get(_POLL_S)

    def _classify(self, frame: Frame) -> None:
        if frame.truth is not None and frame.truth not in self._classifier.labels:
            # The labels of a source that draws digits mean nothing to a model of other classes.
            frame = replace(frame, truth=None)
        try:
            result = self._classifier.classify_frame(frame, self._top, self._smoother)
        except EngineRestarted as error:
            say(str(error))
            self.stats.restarts += 1
            return
        except AnswerError as error:
            if not self._warned:
                say(f"{error}; such frames are left out and counted")
            self._warned = True
            self.stats.unanswered += 1
            return
        self.stats.add(result, self._mailbox.dropped)
        for sink in self._sinks:
            sink.show(result, self.stats)

    def _obey(self) -> None:
        for command in [command for source in self._sources for command in source.poll(self.stats)]:
            self._do(command)

    def _do(self, command: Command) -> None:
        match command:
            case Quit():
                self._quit = True
            case Pause(on):
                self.stats.paused = not self.stats.paused if on is None else on
            case Save() if self._newest is not None:
                self._save(self._newest)
            case Switch():
                self._switch(command)
            case Classify():
                self._classify_apart(command)
            case Replace():
                self._replace(command)
            case Tune():
                self._tune(command)

    def _classify_apart(self, command: Classify) -> None:
        """Classify an image that is not the camera's. Raises EngineError where the engine is lost."""
        reply = command.reply
        if not reply.set_running_or_notify_cancel():
            return  # no one waits for it any more
        try:
            reply.set_result(self._classifier.classify_frame(command.frame, self._top))
        except EdgeCnnError as error:
            reply.set_exception(error)
            self.stats.restarts += isinstance(error, EngineRestarted)
            if isinstance(error, EngineError) and not isinstance(error, EngineRestarted):
                raise

    def _save(self, frame: Frame) -> None:
        try:
            say(f"saved {save_frame(frame, self._save_to)}")
        except OutputError as error:
            self.stats.unsaved += 1
            self.stats.why_unsaved = str(error)
            say(str(error))

    def _replace(self, command: Replace) -> None:
        self._variants.replace(command.classifier, command.opened)
        self.stats.variants = self._variants.names
        self._begin()
        model = command.classifier.model
        digest = hashlib.sha256(model.data).hexdigest()
        say(f"the model was replaced: {model.name} {model.variant}, SHA-256 {digest[:12]}…")

    def _switch(self, command: Switch) -> None:
        if command.reply is not None and not command.reply.set_running_or_notify_cancel():
            return
        try:
            name = self._variants.switch(command.variant).model.variant
        except EdgeCnnError as error:
            if command.reply is None:
                say(str(error))
            else:
                command.reply.set_exception(error)
            return
        if self._variants.current is not self._classifier:
            self._begin()
        if command.reply is not None:
            command.reply.set_result(name)

    def _tune(self, command: Tune) -> None:
        if not command.reply.set_running_or_notify_cancel():
            return
        before = self._classifier.verdict, self._smooth, self._hold
        smooth = self._smooth if command.smooth is None else command.smooth
        hold = self._hold if command.hold is None else command.hold
        try:
            self._classifier.smoother(smooth, hold)  # refuses what is out of range, before anything changes
            if command.threshold is not None:
                self._classifier.set_threshold(command.threshold)
        except EdgeCnnError as error:
            command.reply.set_exception(error)
            return
        self._threshold = self._threshold if command.threshold is None else command.threshold
        if (self._classifier.verdict, smooth, hold) != before:
            self._smooth, self._hold = smooth, hold
            self._smooth_from_now()
        command.reply.set_result(self.stats.settings)
