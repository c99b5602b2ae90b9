"""Runs `edgecnn live` and the live part of `edgecnn demo`: opens what was asked for, loops, sums up."""

from __future__ import annotations

import os
import signal
import stat
import threading
import time
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from edgecnn.camera import Mode, open_recovering
from edgecnn.classify.smooth import HOLD, SMOOTH
from edgecnn.cli.options import choice, other_models, saw_nothing_known
from edgecnn.defaults import DEFAULT_MODEL
from edgecnn.errors import OutputError
from edgecnn.image.file import UPLOAD_MEGAPIXELS
from edgecnn.io.address import mask_secrets
from edgecnn.io.quiet import say
from edgecnn.live.sink.web.listen import Listen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from edgecnn.camera import Camera
    from edgecnn.classify.classifier import Classifier
    from edgecnn.image.framing import Framing
    from edgecnn.live.sink import Sink
    from edgecnn.live.stats import Summary

_AT_ITS_HEELS_S = 0.5


class Show(StrEnum):
    """Where results are shown."""

    auto = "auto"
    window = "window"
    terminal = "terminal"
    web = "web"
    none = "none"


@dataclass(frozen=True, slots=True)
class Live:
    """What is asked of a live run; files are paths, None for none.

    Without `smooth` and `hold` a camera's answers are steadied by the defaults; those of files stand alone.
    """

    source: str
    model: str = DEFAULT_MODEL
    watch: bool = False
    mode: Mode = field(default_factory=Mode)
    framing: Framing | None = None
    smooth: float | None = None
    hold: int | None = None
    seconds: float | None = None
    frames: int | None = None
    show: Show = Show.auto
    listen: Listen = field(default_factory=Listen)
    upload_megapixels: float = UPLOAD_MEGAPIXELS
    jsonl: str | None = None
    csv: str | None = None
    record: str | None = None
    overlay: bool = True
    save_to: str = "."


def run_live(
    load: Callable[..., AbstractContextManager[Classifier]],
    variant: str | None,
    asked: Live,
    console: Console,
) -> Summary:
    """Open the model, the source and the sinks, run the loop until its end, and return the summary.

    It has what went wrong with files that were to be written.

    `load` opens a variant of the model by its name: this one, and others for whoever switches; with `strict`,
    one whose files were replaced.
    """
    from edgecnn.live.stats import Stats

    failures: list[str] = []
    try:
        with ExitStack() as stack:
            stop = stack.enter_context(_stop_on_signals())
            summary = _run(load, variant, asked, console, stop, stack, failures)
    except _StoppedEarly:
        summary = Stats().summary(mask_secrets(asked.source))
    return replace(summary, failures=(*summary.failures, *failures))


def _run(
    load: Callable[..., AbstractContextManager[Classifier]],
    variant: str | None,
    asked: Live,
    console: Console,
    signals: _Signals,
    stack: ExitStack,
    failures: list[str],
) -> Summary:
    from edgecnn.classify.variants import Variants
    from edgecnn.live.loop import run
    from edgecnn.live.reloader import Reloader

    stop = signals.stop
    classifier = stack.enter_context(load(variant))
    model = classifier.model
    mode = replace(asked.mode, background=model.input.background)
    camera = stack.enter_context(open_recovering(asked.source, mode, say, stop))
    console.print(
        f"source {camera.description}; model {model.name} {model.variant} "
        f"on {classifier.engine.name}, {classifier.threads} thread{'s' * (classifier.threads > 1)}",
        soft_wrap=True,
    )
    if chosen := choice(classifier.engine):
        console.print(chosen, soft_wrap=True)
    variants = stack.enter_context(Variants(classifier, load))
    sinks = [
        *(
            _close_later(sink, stack, failures)
            for sink in _sinks(asked, mode, camera, model.name, console, stop)
        ),
        stack.enter_context(Reloader(asked.model, partial(load, strict=True), watch=asked.watch)),
    ]
    signals.running = True
    summary = run(
        variants,
        camera,
        sinks,
        seconds=asked.seconds,
        frames=asked.frames,
        stop=stop,
        smooth=asked.smooth if asked.smooth is not None else SMOOTH if camera.live else 0.0,
        hold=asked.hold if asked.hold is not None else HOLD if camera.live else 1,
        framing=asked.framing,
        save_to=asked.save_to,
    )
    if saw_nothing_known(summary, classifier):
        say(other_models(classifier))
    return summary


def _close_later(sink: Sink, stack: ExitStack, failures: list[str]) -> Sink:
    """Have the stack close a sink; that a file is not whole becomes one of the failures."""

    def close(_: object, error: BaseException | None, __: object) -> None:
        try:
            sink.close()
        except OutputError as failure:
            failures.append(str(failure))
            if error is not None:  # which will be all that is said otherwise
                say(str(failure))

    stack.push(close)
    return sink


def _sinks(
    asked: Live, mode: Mode, camera: Camera, model: str, console: Console, stop: threading.Event
) -> Iterator[Sink]:
    """Open what shows and keeps the results; a module is imported when its sink is asked for."""
    if asked.jsonl:
        from edgecnn.live.sink.jsonl import JsonlSink

        yield JsonlSink(asked.jsonl, stop)
    if asked.csv:
        from edgecnn.live.sink.table import CsvSink

        yield CsvSink(asked.csv, stop)
    if asked.record:
        from edgecnn.live.sink.video import VideoSink

        # A video file keeps its own rate.
        rate = mode.fps or (None if camera.live else camera.fps)
        yield VideoSink(asked.record, live=camera.live, fps=rate, overlay=asked.overlay)
    if view := _view(asked.show):
        from edgecnn.live.sink import open_view

        options = {"listen": asked.listen, "upload_megapixels": asked.upload_megapixels, "model": model}
        options["background"] = mode.background
        yield open_view(view, console, **(options if view == "web" else {}))


def print_summary(summary: Summary, console: Console) -> None:
    """Print what the run amounted to. Raises OutputError where something was not written."""
    console.print(", ".join(_counts(summary)), soft_wrap=True)
    if summary.smoothed:
        console.print(f"  smoothed: {_changes(summary.steady_changes)}{_following(summary)}", soft_wrap=True)
    for variant, spreads in summary.spreads.items():
        if len(summary.spreads) > 1:
            console.print(f"  {variant}")
        for stage, spread in spreads.items():
            console.print(f"  {stage:<10}  p50 {spread.p50_ms:9.3f} ms   p99 {spread.p99_ms:9.3f} ms")
    if summary.failures:
        raise OutputError("; ".join(summary.failures))


def _counts(summary: Summary) -> list[str]:
    """Return what was counted, each with its number."""
    counted = [f"{summary.frames:,} frames in {summary.seconds:.1f} s", f"{summary.rate:.1f} a second"]
    counted.append(f"{summary.dropped:,} dropped")
    if summary.accuracy is not None:
        counted.append(f"{summary.accuracy:.1%} of {summary.known:,} labels right")
    if summary.unknown:
        counted.append(f"{summary.unknown:,} unknown")
    if summary.restarts:
        counted.append(f"{summary.restarts:,} lost to a restart of the engine")
    if summary.unanswered:
        counted.append(f"{summary.unanswered:,} answered with NaN or infinity")
    if summary.smoothed:
        counted.append(_changes(summary.changes))
    return counted


def _following(summary: Summary) -> str:
    """Say how smoothed labels follow the truth, where that is known."""
    f = summary.following
    if not summary.known:
        return ""
    missed = f"{f.missed:,} ended before that" if f.missed else ""
    return "; ".join(filter(None, (f" for {f.true_changes:,} of the truth", f.words, missed)))


def _changes(count: int) -> str:
    return f"{count:,} change{'s' * (count != 1)} of label"


def _view(show: Show) -> str | None:
    """Choose the view: a window only where one can really be shown."""
    if show is Show.none:
        return None
    if show is Show.auto:
        from edgecnn.live.sink.window import why_no_window

        return "terminal" if why_no_window() else "window"
    return str(show.value)


class _StoppedEarly(BaseException):
    """A signal came before the loop ran: whatever is waited for, such as a camera or a pipe, is left."""


class _Signals:
    """What signals have asked for; `running` says that the loop itself looks at `stop`."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.running = False


@contextmanager
def _stop_on_signals() -> Iterator[_Signals]:
    """Have Ctrl-C, SIGTERM and a closed terminal end the loop between two frames.

    Before it runs they raise `_StoppedEarly` instead.

    A second Ctrl-C or SIGTERM has its usual effect, but not one that comes at the first one's heels: who runs
    us in a process group, as `timeout` does, sends to it and to us. Where hanging up is ignored (`nohup`), it
    stays so.
    """
    signals = _Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return

    first: dict[int, float] = {}

    def end(number: int, _: object) -> None:
        early = not (signals.running or signals.stop.is_set())
        signals.stop.set()
        if time.monotonic() - first.setdefault(number, time.monotonic()) > _AT_ITS_HEELS_S:
            signal.signal(number, saved[signal.Signals(number)])
            signal.raise_signal(number)
        if number == getattr(signal, "SIGHUP", None):
            _leave_terminal()
        if early:
            raise _StoppedEarly

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
