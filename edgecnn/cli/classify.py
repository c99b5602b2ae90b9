"""`edgecnn classify`: pictures in, labels out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.classify.advice import is_strange, other_models
from edgecnn.classify.opening import open_classifier
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
)
from edgecnn.defaults import DEFAULT_MODEL
from edgecnn.errors import AnswerError, CameraError, ImageError
from edgecnn.io.json_text import to_json
from edgecnn.io.printable import echo, printable
from edgecnn.io.quiet import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.bundle.convention import Background
    from edgecnn.frame import Frame, Result

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def classify(
    paths: Annotated[
        list[str],
        typer.Argument(help="Images, folders, videos, or - for an image on stdin.", metavar="PATH…"),
    ],
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
    top: Annotated[int, typer.Option(help="How many labels to show.", min=1, metavar="K")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Classify images, folders and videos.

    A line has the file, its labels and their scores; where the best score is too low for an answer, the
    first label is `unknown`. What can't be read is one line on stderr; the rest goes on, and the exit code
    is 1.
    """
    failed = strange = False
    fits = 0
    given = parse_given(labels, value_range, fit, color, scores, output, input_size)
    count = parse_threads(threads)
    with open_classifier(model, variant, engine, count, given, threshold) as classifier:
        for path in paths:
            for frame in _frames(path, classifier.least_side, classifier.model.input.background):
                if isinstance(frame, Exception):
                    failed = True
                    say(str(frame))
                    continue
                try:
                    result = classifier.classify_frame(frame, top)
                except AnswerError as error:
                    failed = True
                    say(f"{frame.source}: {error}")
                    continue
                echo(to_json(result.as_dict()) if as_json else _line(result))
                if is_strange(result, classifier):
                    strange = True
                else:
                    fits += 1
        if strange and not fits:
            say(other_models(classifier))
    if failed:
        raise typer.Exit(1)


def _line(result: Result) -> str:
    where = result.frame.source if not result.frame.index else f"{result.frame.source}[{result.frame.index}]"
    answer = [result.label] if result.unknown or result.found else []
    return printable("  ".join([where, *answer, *(f"{p.label} {p.score:.3f}" for p in result.predictions)]))


def _frames(path: str, least: int, background: Background) -> Iterator[Frame | ImageError | CameraError]:
    """Yield what is at a path: one frame for an image, many for a video; an error in its place.

    A JPEG's shorter side has at least so many pixels; transparent images are laid on the background.
    """
    import time

    from edgecnn.frame import Frame
    from edgecnn.image.file import decode_reduced, find_images, read_image

    try:
        if not path:
            raise ImageError(
                "the path is empty, expected an image, a folder or a video: is a variable unset?"
            )
        if path == "-":
            data = _stdin()
            pixels, _ = decode_reduced(data, "stdin", least, background=background)
            yield Frame(pixels, time.monotonic_ns(), 0, "-")
            return
        if _is_video(path):
            yield from _video(path)
            return
        files, notes = find_images(Path(path))
    except (ImageError, CameraError) as error:
        yield error
        return
    for note in notes:
        say(note)
    for file in files:
        try:
            yield Frame(read_image(file, least, background), time.monotonic_ns(), 0, str(file))
        except ImageError as error:
            yield error


def _stdin() -> bytes:
    """Read an image from stdin, and no more than an image may have. Raises ImageError."""
    from edgecnn.image.file import most_file_bytes

    if sys.stdin is None:
        raise ImageError("stdin is closed: give a file, or an image through a pipe")
    most = most_file_bytes()
    try:
        data = sys.stdin.buffer.read(most + 1)
    except OSError as error:
        raise ImageError(f"stdin can't be read: {error.strerror}") from error
    if len(data) > most:
        raise ImageError(f"stdin has more than {most:,} bytes, the most that an image may have")
    return data


def _is_video(path: str) -> bool:
    from edgecnn.image.names import is_image_name

    if is_image_name(path):
        return False
    from edgecnn.camera import is_video_file  # cameras are not needed for a picture

    return is_video_file(Path(path))


def _video(path: str) -> Iterator[Frame]:
    from edgecnn.camera.opencv import OpenCvCamera

    with OpenCvCamera(path) as camera:
        while (frame := camera.read()) is not None:
            yield frame
