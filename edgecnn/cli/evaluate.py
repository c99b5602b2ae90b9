"""`edgecnn evaluate`: accuracy on labelled images, clean and corrupted."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from edgecnn.cli.command import command, make_app
from edgecnn.cli.evaluate_print import print_result
from edgecnn.cli.options.batch import WorkersOption
from edgecnn.cli.options.data import DATA_HELP, HEADING, DataOptions
from edgecnn.cli.options.model import BareFileOptions, EngineOptions
from edgecnn.cli.options.output import JsonOption
from edgecnn.cli.outputs import check_outputs
from edgecnn.errors import OptionError
from edgecnn.io.json_text import to_json
from edgecnn.io.output import exit_on_interrupt

app = make_app()

EXAMPLES = (
    "edgecnn evaluate digits --data mnist",
    "edgecnn evaluate cifar10 --data photos/ --corruptions --plot corruptions.png",
)


@command(app, examples=EXAMPLES)
def evaluate(
    model: Annotated[
        str, typer.Argument(help="Name or folder of a bundle, or a .tflite file.", metavar="MODEL")
    ],
    *,
    data: Annotated[
        str,
        typer.Option(help=f"Labelled images: a {DATA_HELP}.", metavar="D", rich_help_panel=HEADING),
    ],
    selection: DataOptions,
    corruptions: Annotated[
        bool,
        typer.Option(
            "--corruptions",
            help="Measure under 15 standard corruptions and 8 of our own too.",
            rich_help_panel=HEADING,
        ),
    ] = False,
    engine: EngineOptions,
    workers: WorkersOption = None,
    bare: BareFileOptions,
    json_file: JsonOption = None,
    plot: Annotated[
        str | None,
        typer.Option(
            help="Draw a heat map of the corruptions.", metavar="FILE.png", rich_help_panel="Output"
        ),
    ] = None,
) -> None:
    """Measure a model on labelled images, int8 and float32 side by side, clean and corrupted.

    Every run uses the same images and the same corruptions.
    """
    from edgecnn.classify.batch import count_workers, threads_for
    from edgecnn.evaluation.heatmap import draw_heatmap
    from edgecnn.evaluation.session import evaluate_on, open_data, open_variants
    from edgecnn.io.output import write_bytes, write_text

    if plot and not corruptions:
        raise OptionError("--plot draws what --corruptions measures: add --corruptions")
    check_outputs({"--json": json_file, "--plot": plot})
    given, threads = bare.given, threads_for(engine.engine, engine.count, workers)
    with exit_on_interrupt(), ExitStack() as stack:
        classifiers = open_variants(stack, model, engine.engine, threads, given)
        count = count_workers(classifiers.values(), workers)
        name, source = open_data(data, selection.layout)
        result = evaluate_on(classifiers, name, source, corruptions, selection.split, selection.limit, count)
    if json_file != "-":
        print_result(result)
    if json_file:
        write_text(json_file, to_json(result.as_dict(), indent=1) + "\n")
    if plot:
        write_bytes(plot, draw_heatmap(result))
