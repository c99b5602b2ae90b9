"""`edgecnn live`: what a camera sees, classified as it comes."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.camera import STALL_S, Mode
from edgecnn.classify.opening import open_classifier
from edgecnn.classify.smooth import MOST_HOLD, MOST_SMOOTH
from edgecnn.cli.live_print import print_summary
from edgecnn.cli.options import (
    ColorOption,
    EngineOption,
    FitOption,
    InputSizeOption,
    LabelsOption,
    ModelOption,
    OutputOption,
    RangeOption,
    ScoresOption,
    ThreadsOption,
    ThresholdOption,
    VariantOption,
    parse_given,
    parse_threads,
    parse_whole,
)
from edgecnn.defaults import DEFAULT_MODEL, MAX_MEGAPIXELS
from edgecnn.errors import OptionError
from edgecnn.frame import Box
from edgecnn.image.file import UPLOAD_MEGAPIXELS
from edgecnn.live.session import Live, Show, run_live
from edgecnn.live.sink.web.listen import Listen

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from edgecnn.classify.classifier import Classifier
    from edgecnn.image.framing import Framing

app = typer.Typer(rich_markup_mode=None, add_completion=False)


# No picture that OpenCV can hold has longer sides.
_MOST_PIXELS = 65_535


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
            help="N, a device's path, picamera, rpicam, a file, folder, pattern or URL, synthetic, or auto "
            "(real cameras); several, comma-separated, are tried in order.",
            metavar="SRC[,SRC…]",
        ),
    ] = "auto",
    model: ModelOption = DEFAULT_MODEL,
    variant: VariantOption = None,
    engine: EngineOption = "auto",
    threads: ThreadsOption = "1",
    labels: LabelsOption = None,
    value_range: RangeOption = None,
    fit: FitOption = None,
    color: ColorOption = None,
    scores: ScoresOption = None,
    output: OutputOption = None,
    input_size: InputSizeOption = None,
    threshold: ThresholdOption = None,
    deadline: Annotated[
        float | None,
        typer.Option(
            help="Run the engine in a child process, and start it again when it takes longer.",
            min=1,
            max=3_600_000,
            metavar="MS",
        ),
    ] = None,
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
    ] = STALL_S,
    roi: Annotated[
        str | None, typer.Option(help="Classify this part of the picture, in pixels.", metavar="X,Y,W,H")
    ] = None,
    rotate: Annotated[Rotate, typer.Option(help="Turn the picture clockwise first.")] = Rotate.none,
    flip: Annotated[bool, typer.Option("--flip", help="Mirror the picture, left to right.")] = False,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Reload the model when its files change, as SIGUSR1 does at once."),
    ] = False,
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
    port: Annotated[int, typer.Option(help="The web page's port.", min=0, max=65535, metavar="N")] = 8080,
    host: Annotated[
        str,
        typer.Option(
            help="The address at which the web page listens; 0.0.0.0 for the whole network, with a token.",
            metavar="H",
        ),
    ] = "127.0.0.1",
    token_file: Annotated[
        str | None,
        typer.Option(
            help="The web page's token is in FILE, which is made if it is not there.", metavar="FILE"
        ),
    ] = None,
    upload_megapixels: Annotated[
        float,
        typer.Option(
            help="Megapixels that an image sent to the web page may have.",
            min=0.1,
            max=MAX_MEGAPIXELS,
            metavar="MP",
        ),
    ] = UPLOAD_MEGAPIXELS,
    jsonl: Annotated[
        str | None,
        typer.Option(help="Add each result to FILE as a line of JSON; - is stdout.", metavar="FILE"),
    ] = None,
    csv: Annotated[
        str | None, typer.Option(help="Add each result to FILE as a row of CSV; - is stdout.", metavar="FILE")
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
    save_to: Annotated[
        str, typer.Option(help="Where the pictures go that the key s saves.", metavar="FOLDER")
    ] = ".",
) -> None:
    """Classify what a camera sees, live. `q`, Ctrl-C or a limit ends it with a summary.

    Keys, in the window and the terminal: q quit, space pause, s save the picture, v switch the variant (int8
    or float32), and in the window f for the full screen.
    """
    from edgecnn.io.printable import open_console

    if jsonl and csv and jsonl != "-" and os.path.realpath(jsonl) == os.path.realpath(csv):
        raise OptionError(f"--jsonl and --csv both name {jsonl}: give each a file of its own")
    if jsonl == csv == "-":
        raise OptionError("--jsonl and --csv can't both go to stdout: give one of them a file")
    listen = Listen(host, port, token_file)
    if (listen != Listen() or upload_megapixels != UPLOAD_MEGAPIXELS) and show is not Show.web:
        raise OptionError(
            "--host, --port, --token-file and --upload-megapixels are the web page's: add --show web"
        )
    console = open_console(stderr="-" in (jsonl, csv))
    asked = Live(
        source, model=model, watch=watch,
        mode=_mode(size, fps, stall), framing=_framing(roi, rotate, flip=flip),
        smooth=smooth, hold=hold, seconds=seconds, frames=frames,
        show=show, listen=listen, upload_megapixels=upload_megapixels,
        jsonl=jsonl, csv=csv, record=record, overlay=overlay, save_to=save_to,
    )  # fmt: skip

    given = parse_given(labels, value_range, fit, color, scores, output, input_size)
    count = parse_threads(threads)

    def load(name: str | None, *, strict: bool = False) -> AbstractContextManager[Classifier]:
        return open_classifier(model, name, engine, count, given, threshold, deadline, strict=strict)

    print_summary(run_live(load, variant, asked, console), console)


def _mode(size: str, fps: float | None, stall: float) -> Mode:
    sides = [parse_whole(p, _MOST_PIXELS) for p in size.lower().replace("×", "x").split("x")]
    match sides:
        case [int(width), int(height)] if width and height:
            return Mode(width, height, fps, stall)
    raise OptionError(f"--size is {size[:60]!r}, expected WIDTHxHEIGHT in pixels: --size 640x480")


def _framing(roi: str | None, rotate: Rotate, *, flip: bool) -> Framing | None:
    """Read what is done to every picture; None for nothing."""
    if roi is None and rotate is Rotate.none and not flip:
        return None
    from edgecnn.image.framing import Framing

    box = None
    if roi is not None:
        match [parse_whole(p, _MOST_PIXELS) for p in roi.split(",")]:
            case [int(x), int(y), int(width), int(height)]:
                box = Box(x, y, width, height)
            case _:
                expected = "expected x,y,width,height in pixels: --roi 160,0,320,320"
                raise OptionError(f"--roi is {roi[:60]!r}, {expected}")
    return Framing(int(rotate.value), flip=flip, roi=box)
