"""`edgecnn classify`: label images, folders and videos."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from edgecnn.cli.command import command, make_app
from edgecnn.cli.options.batch import WorkersOption
from edgecnn.cli.options.model import BareFileOptions, EngineOptions, ModelOptions, ThresholdOption
from edgecnn.cli.takes import options
from edgecnn.io.printable import echo
from edgecnn.io.quiet import say

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
    workers: WorkersOption = None,
    *,
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
    from edgecnn.classify.advice import other_models
    from edgecnn.classify.batch import count_workers, threads_for
    from edgecnn.classify.opening import open_classifier
    from edgecnn.cli.classify_answers import Answering

    failed = strange = False
    fits = 0
    threads = engine.count
    many = len(paths) > 1 or Path(paths[0]).is_dir()
    if many:
        threads = threads_for(engine.engine, threads, workers)
    opened = open_classifier(
        model.model, model.variant, engine.engine, threads, bare.given, answers.threshold,
        side_by_side=many and threads == 1 and workers != 1,
    )  # fmt: skip
    with opened as classifier:
        answering = Answering(classifier, answers.top, as_json)
        with closing(answering.all_of(paths, count_workers([classifier], workers))) as given:
            for answer in given:
                if answer.line is None:
                    say(answer.note)
                    failed |= answer.failed
                    continue
                echo(answer.line)
                if answer.strange:
                    strange = True
                else:
                    fits += 1
        if strange and not fits:
            say(other_models(classifier))
    if failed:
        raise typer.Exit(1)
