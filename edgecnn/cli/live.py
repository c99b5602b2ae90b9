"""`edgecnn live`: what a camera sees, classified as it comes."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn import DEFAULT_MODEL
from edgecnn.cli.options import (
    EngineOption,
    LabelsOption,
    ModelOption,
    RangeOption,
    ThreadsOption,
    ThresholdOption,
    VariantOption,
    open_classifier,
)
from edgecnn.errors import OptionError
from edgecnn.smooth import HOLD, MOST_HOLD, MOST_SMOOTH, SMOOTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from edgecnn.camera import Mode
    from edgecnn.classifier import Classifier
    from edgecnn.framing import Framing
    from edgecnn.sink import Sink
    from edgecnn.stats import Summary

app = typer.Typer(rich_markup_mode=None, add_completion=False)


class Show(StrEnum):
    """Where results are shown."""

    auto = "auto"
    window = "window"
    terminal = "terminal"
    none = "none"


class Rotate(StrEnum):
    """Degrees clockwise."""

    none = "0"
    quarter = "90"
    half = "180"
    three_quarters = "270"


@app.command()
def live(
    source: Annotated[
        str,
        typer.Option(
            help="N, /dev/videoN, picamera, rpicam, a file, a folder, a pattern, a URL, synthetic, or auto "
            "(real cameras); several, comma-separated, are tried in order.",
            metavar="SRC[,SRC…]",
        ),
    ] = "auto",
    model: ModelOption = DEFAULT_MODEL,
    variant: VariantOption = "int8",
    engine: EngineOption = "auto",
    threads: ThreadsOption = 1,
    labels: LabelsOption = None,
    value_range: RangeOption = None,
    threshold: ThresholdOption = None,
    size: Annotated[
        str, typer.Option(help="Ask the camera for this size of picture, in pixels.", metavar="WxH")
    ] = "640x480",
    fps: Annotated[
        float | None, typer.Option(help="Ask for so many frames a second.", min=0.01, max=1000, metavar="F")
    ] = None,
    stall: Annotated[
        float,
        typer.Option(
            help="Open the camera again when no picture came for so long.", min=1, max=3600, metavar="S"
        ),
    ] = 5.0,
    roi: Annotated[
        str | None, typer.Option(help="Classify this part of the picture, in pixels.", metavar="X,Y,W,H")
    ] = None,
    rotate: Annotated[Rotate, typer.Option(help="Turn the picture clockwise first.")] = Rotate.none,
    flip: Annotated[bool, typer.Option("--flip", help="Mirror the picture, left to right.")] = False,
    smooth: Annotated[
        float | None,
        typer.Option(
            help="Share of the past in each class's average, 0 for none; 0.4 for cameras, 0 for files.",
            min=0,
            max=MOST_SMOOTH,
            metavar="A",
        ),
    ] = None,
    hold: Annotated[
        int | None,
        typer.Option(
            help="Frames in a row that have to agree before the answer changes; 4 for cameras, 1 for files.",
            min=1,
            max=MOST_HOLD,
            metavar="N",
        ),
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Stop after this time.", min=0, metavar="S")] = None,
    frames: Annotated[int | None, typer.Option(help="Stop after this many.", min=1, metavar="N")] = None,
    show: Annotated[Show, typer.Option(help="Where to show it.")] = Show.auto,
    jsonl: Annotated[
        str | None,
        typer.Option(help="Add each result to FILE as a line of JSON; - is stdout.", metavar="FILE"),
    ] = None,
    record: Annotated[
        str | None,
        typer.Option(
            help="Record the picture as an .mp4, .mkv or .avi; %Y-%m-%d and %H%M%S stand for the time.",
            metavar="FILE",
        ),
    ] = None,
    overlay: Annotated[
        bool, typer.Option("--overlay/--no-overlay", help="Record it with label and figures on it.")
    ] = True,
    csv: Annotated[
        str | None, typer.Option(help="Add each result to FILE as a row of CSV; - is stdout.", metavar="FILE")
    ] = None,
) -> None:
    """Classify what a camera sees, live. `q`, Ctrl-C or a limit ends it with a summary."""
    from rich.console import Console

    if jsonl == csv == "-":
        raise OptionError("--jsonl and --csv can't both go to stdout: give one of them a file")
    console = Console(stderr="-" in (jsonl, csv), highlight=False)
    with open_classifier(model, variant, engine, threads, labels, value_range, threshold) as classifier:
        summary = run_live(
            classifier, source, console,
            seconds=seconds, frames=frames, show=show, jsonl=jsonl, csv=csv, record=record,
            overlay=overlay, smooth=smooth, hold=hold, mode=_mode(size, fps, stall), framing=_framing(roi, rotate, flip=flip),
        )  # fmt: skip
    print_summary(summary, console)


def run_live(
    classifier: Classifier,
    source: str,
    console: Console,
    *,
    seconds: float | None = None,
    frames: int | None = None,
    show: Show = Show.auto,
    jsonl: str | None = None,
    csv: str | None = None,
    record: str | None = None,
    overlay: bool = True,
    smooth: float | None = None,
    hold: int | None = None,
    mode: Mode | None = None,
    framing: Framing | None = None,
) -> Summary:
    """Open the source and the sinks, run the loop until its end, and return the summary.

    Without `smooth` and `hold` a camera's answers are steadied by the defaults; those of files stand alone.
    """
    from edgecnn.camera import Mode, open_recovering
    from edgecnn.live import run
    from edgecnn.sink import open_view
    from edgecnn.sink.jsonl import JsonlSink
    from edgecnn.sink.table import CsvSink

    with ExitStack() as stack:
        stop = stack.enter_context(_stop_on_signals())
        camera = stack.enter_context(open_recovering(source, mode or Mode(), _say, stop))
        model = classifier.model
        console.print(
            f"source {camera.description}; model {model.name} {model.variant} "
            f"on {classifier.engine.name}, {classifier.threads} thread{'s' * (classifier.threads > 1)}",
            soft_wrap=True,
        )
        sinks: list[Sink] = []
        if jsonl:
            sinks.append(stack.enter_context(JsonlSink(jsonl)))
        if csv:
            sinks.append(stack.enter_context(CsvSink(csv)))
        if record:
            from edgecnn.sink.video import VideoSink

            rate = mode.fps if mode else None
            video = VideoSink(record, live=camera.live, fps=rate, overlay=overlay)
            sinks.append(stack.enter_context(video))
        if view := _view(show):
            sinks.append(stack.enter_context(open_view(view, console)))
        smooth = smooth if smooth is not None else SMOOTH if camera.live else 0.0
        hold = hold if hold is not None else HOLD if camera.live else 1
        smoother = classifier.smoother(smooth, hold) if smooth or hold > 1 else None
        return run(
            classifier, camera, sinks,
            seconds=seconds, frames=frames, stop=stop, smoother=smoother, framing=framing,
        )  # fmt: skip


def print_summary(summary: Summary, console: Console) -> None:
    """Print what the run amounted to."""
    counted = [f"{summary.frames:,} frames in {summary.seconds:.1f} s", f"{summary.rate:.1f} a second"]
    counted.append(f"{summary.dropped:,} dropped")
    if summary.accuracy is not None:
        counted.append(f"{summary.accuracy:.1%} of {summary.known:,} labels right")
    if summary.unknown:
        counted.append(f"{summary.unknown:,} unknown")
    if summary.smoothed:
        counted.append(_changes(summary.changes))
    console.print(", ".join(counted), soft_wrap=True)
    if summary.smoothed:
        steady = "" if summary.steady_accuracy is None else f", {summary.steady_accuracy:.1%} of labels right"
        console.print(f"  smoothed: {_changes(summary.steady_changes)}{steady}", soft_wrap=True)
    for stage, spread in summary.spreads.items():
        console.print(f"  {stage:<10}  p50 {spread.p50_ms:9.3f} ms   p99 {spread.p99_ms:9.3f} ms")


def _changes(count: int) -> str:
    return f"{count:,} change{'s' * (count != 1)} of label"


def _say(line: str) -> None:
    sys.stderr.write(f"edgecnn: {line}\n")
    sys.stderr.flush()


def _mode(size: str, fps: float | None, stall: float) -> Mode:
    from edgecnn.camera import Mode

    parts = size.lower().replace("×", "x").split("x")
    if len(parts) != 2 or not all(p.strip().isdecimal() and int(p) for p in parts):
        raise OptionError(f"--size is {size!r}, expected WIDTHxHEIGHT in pixels: --size 640x480")
    return Mode(int(parts[0]), int(parts[1]), fps, stall)


def _framing(roi: str | None, rotate: Rotate, *, flip: bool) -> Framing | None:
    """Read what is done to every picture; None for nothing."""
    if roi is None and rotate is Rotate.none and not flip:
        return None
    from edgecnn.frame import Box
    from edgecnn.framing import Framing

    box = None
    if roi is not None:
        parts = roi.split(",")
        if len(parts) != 4 or not all(p.strip().isdecimal() for p in parts):
            raise OptionError(f"--roi is {roi!r}, expected x,y,width,height in pixels: --roi 160,0,320,320")
        box = Box(*map(int, parts))
    return Framing(int(rotate.value), flip=flip, roi=box)


def _view(show: Show) -> str | None:
    """Choose the view: a window only where one can really be shown."""
    if show is Show.none:
        return None
    if show is Show.auto:
        from edgecnn.sink.window import why_no_window

        return "terminal" if why_no_window() else "window"
    return str(show.value)


@contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C and SIGTERM set, so that the loop ends between two frames."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    saved = {s: signal.signal(s, lambda *_: stop.set()) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in saved.items():
            signal.signal(number, handler)
