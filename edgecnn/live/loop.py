"""The live loop: classifies the newest frame of each camera, feeds the sinks and obeys commands."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Sequence
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
    Renew,
    Replace,
    Save,
    Switch,
    Tune,
)
from edgecnn.live.settings import Settings
from edgecnn.live.stream import CameraStream, CameraStreams

if TYPE_CHECKING:
    from edgecnn.camera import Camera
    from edgecnn.classify.classifier import Classifier
    from edgecnn.frame import Frame
    from edgecnn.image.framing import Framing
    from edgecnn.live.sink import Sink
    from edgecnn.live.stats import Summary

FIRST_FRAME_S = 15.0
_POLL_S = 0.1


def run(
    classifier: Classifier | Variants,
    camera: Camera | Sequence[Camera],
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
    """Classify what a camera sees until it ends, a limit is reached, or a command or `stop` ends the loop.

    Parameters
    ----------
    classifier
        With `Variants`, a command can switch between them.
    camera
        One, or several: the loop then takes the newest frame of each in turn. Each has its own smoothing and
        counts, `Stats.camera` is its number. Where one fails, that is printed and the others continue.
    sinks, commands
        Sinks take the results and give commands, command sources give commands only. They stay open.
    seconds
        Time limit, from the first frame on.
    frames
        Limit of frames, of all cameras together.
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
        Where the last camera fails while it runs.
    EngineError, OutputError
        Where the engine or a sink fails.
    OptionError
        Without a camera.
    """
    stop = stop or threading.Event()
    streams = CameraStreams(camera if isinstance(camera, Sequence) else [camera])
    variants = classifier if isinstance(classifier, Variants) else Variants(classifier)
    loop = _Loop(variants, streams, sinks, commands, top, smooth, hold, framing, save_to)
    with streams.capturing(stop, FIRST_FRAME_S):
        loop.run(stop, seconds, frames)
    return streams.summary()


class _Loop:
    """Takes frames from the streams, classifies them, feeds the sinks and obeys commands."""

    def __init__(
        self,
        variants: Variants,
        streams: CameraStreams,
        sinks: Sequence[Sink],
        commands: Sequence[CommandSource],
        top: int,
        smooth: float,
        hold: int,
        framing: Framing | None,
        save_to: str,
    ) -> None:
        self._variants, self._streams, self._sinks, self._top = variants, streams, sinks, top
        self._sources = [*sinks, *commands]
        # Sinks that show frames, and regions in pixels, need frames at full size.
        self._watched = any(sink.needs_picture for sink in sinks)
        self._smooth, self._hold, self._framing, self._save_to = smooth, hold, framing, save_to
        # Kept for other variants and for models that are reloaded; None for each one's own.
        self._threshold: float | None = None
        # The one that gave the newest frame.
        self._stream = streams.all[0]
        self._has_begun = self._quit = self._paused = False
        self._begin()

    def _begin(self) -> None:
        """Start with the current variant: a new smoother, and separate latencies."""
        self._classifier = classifier = self._variants.current
        if self._threshold is not None:
            classifier.set_threshold(self._threshold)
        for stream in self._streams.all:
            side = stream.stats.least_side = classifier.least_side
            stream.camera.need(None if self._framing else side, whole=self._watched)
            stream.stats.variants = self._variants.names
            stream.stats.run(classifier.model.variant)
        self._smooth_from_now()
        self._warned = False

    def _smooth_from_now(self) -> None:
        """Begin with new smoothers, which have the current rule of unknown."""
        steady = self._smooth or self._hold > 1
        for stream in self._streams.all:
            stream.smoother = self._classifier.smoother(self._smooth, self._hold) if steady else None
            stream.stats.settings = Settings(self._classifier.threshold, self._smooth, self._hold)

    def run(self, stop: threading.Event, seconds: float | None, frames: int | None) -> None:
        patience = time.monotonic() + FIRST_FRAME_S
        end = float("inf")
        while not stop.is_set() and time.monotonic() < end:
            try:
                taken = self._streams.take(_POLL_S, paused=self._paused)
            except EOFError:
                return
            if taken is not None:
                if not self._has_begun and seconds is not None:
                    end = time.monotonic() + seconds
                self._has_begun = True
                self._see(*taken)
            elif not self._has_begun and time.monotonic() > patience:
                raise CameraError(f"the camera opened but gave no frame in {FIRST_FRAME_S:.0f} s")
            self._obey()
            if self._quit or (frames is not None and self._streams.seen >= frames):
                return

    def _see(self, stream: CameraStream, frame: Frame) -> None:
        self._stream = stream
        if stream.newest is None or not self._paused:
            # While it is paused, the frame that is shown stays the one to save.
            stream.newest = self._framing(frame) if self._framing else frame
        if not self._paused:
            self._classify(stream, stream.newest)

    def _classify(self, stream: CameraStream, frame: Frame) -> None:
        if frame.truth is not None and frame.truth not in self._classifier.labels:
            # The labels of a source that draws digits mean nothing to a model of other classes.
            frame = replace(frame, truth=None)
        try:
            result = self._classifier.classify_frame(frame, self._top, stream.smoother)
        except EngineRestarted as error:
            say(str(error))
            stream.stats.restarts += 1
            return
        except AnswerError as error:
            if not self._warned:
                say(f"{error}; such frames are left out and counted")
            self._warned = True
            stream.stats.unanswered += 1
            return
        stream.stats.add(result, stream.mailbox.dropped)
        for sink in self._sinks:
            sink.show(result, stream.stats)

    def _obey(self) -> None:
        stats = self._stream.stats
        for command in [command for source in self._sources for command in source.poll(stats)]:
            self._do(command)

    def _do(self, command: Command) -> None:
        match command:
            case Quit():
                self._quit = True
            case Pause(on):
                self._pause(not self._paused if on is None else on)
            case Save():
                self._save()
            case Switch():
                self._switch(command)
            case Classify():
                self._classify_apart(command)
            case Replace():
                self._replace(command)
            case Renew():
                self._begin()
            case Tune():
                self._tune(command)

    def _pause(self, on: bool) -> None:
        self._paused = on
        for stream in self._streams.all:
            stream.stats.paused = on

    def _save(self) -> None:
        """Save the newest frame of each camera that gave one."""
        for stream in self._streams.all:
            if stream.newest is None:
                continue
            try:
                say(f"saved {save_frame(stream.newest, self._save_to)}")
            except OutputError as error:
                stream.stats.unsaved += 1
                stream.stats.why_unsaved = str(error)
                say(str(error))

    def _classify_apart(self, command: Classify) -> None:
        """Classify an image that is not the camera's. Raises EngineError where the engine is lost."""
        reply = command.reply
        if not reply.set_running_or_notify_cancel():
            return  # no one waits for it any more
        try:
            reply.set_result(self._classifier.classify_frame(command.frame, self._top))
        except EdgeCnnError as error:
            reply.set_exception(error)
            self._stream.stats.restarts += isinstance(error, EngineRestarted)
            if isinstance(error, EngineError) and not isinstance(error, EngineRestarted):
                raise

    def _replace(self, command: Replace) -> None:
        self._variants.replace(command.classifier, command.opened)
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
        command.reply.set_result(self._stream.stats.settings)
