"""`edgecnn classify`: label images, folders and videos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from edgecnn.cli.command import command, make_app
from edgecnn.cli.options.model import BareFileOptions, EngineOptions, ModelOptions, ThresholdOption
from edgecnn.cli.takes import options
from edgecnn.errors import AnswerError
from edgecnn.io.json_text import to_json
from edgecnn.io.printable import echo, printable
from edgecnn.io.quiet import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.errors import EdgeCnnError
    from edgecnn.frame import Frame, Result

app = make_app()

EXAMPLES = (
    "edgecnn classify photo.jpg --model cifar10",
    "edgecnn classify photos/ --top 1 --json > results.jsonl",
)


@options
class LabelOptions:
    """How scores become answers."""

    heading: ClassVar = "Answers"

    threshold: ThresholdOption = None
    top: Annotated[int, typer.Option(help="Number of labels to print.", min=1, metavar="K")] = 3


@command(app, examples=EXAMPLES)
def classify(
    paths: Annotated[
        list[str],
        typer.Argument(help="Images, folders, videos, or - for an image on stdin.", metavar="PATH…"),
    ],
    model: ModelOptions,
    engine: EngineOptions,
    bare: BareFileOptions,
    answers: LabelOptions,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print a JSON object for each image.", rich_help_panel="Output"),
    ] = False,
) -> None:
    """Classify images, folders and videos.

    A line has the file, its labels and their scores. Where the best score is too low for an answer, the first
    label is `unknown`. A file that can't be read is a line on stderr; the others are classified, and the exit
    code is 1.
    """
    from edgecnn.classify.advice import is_strange, other_models
    from edgecnn.classify.opening import open_classifier
    from edgecnn.image.names import is_video_file
    from edgecnn.image.paths import read_images

    failed = strange = False
    fits = 0
    opened = open_classifier(
        model.model, model.variant, engine.engine, engine.count, bare.given, answers.threshold
    )
    with opened as classifier:
        for path in paths:
            frames: Iterator[Frame | EdgeCnnError]
            if is_video_file(path):
                from edgecnn.camera.video import read_video  # images need no cameras

                frames = read_video(path)
            else:
                frames = read_images(path, classifier.least_side, classifier.model.input.background)
            for frame in frames:
                if isinstance(frame, Exception):
                    failed = True
                    say(str(frame))
                    continue
                try:
                    result = classifier.classify_frame(frame, answers.top)
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
