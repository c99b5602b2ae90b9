"""`edgecnn models compare`: several models in one table and one plot."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from edgecnn.cli.command import command, make_app
from edgecnn.cli.compare_print import print_rows
from edgecnn.cli.options.data import DATA_HELP, HEADING, DataOptions
from edgecnn.cli.options.model import BareFileOptions, EngineOptions
from edgecnn.cli.options.output import JsonOption
from edgecnn.cli.outputs import check_outputs
from edgecnn.errors import OptionError
from edgecnn.io.json_text import to_json
from edgecnn.io.output import exit_on_interrupt

app = make_app()

EXAMPLES = (
    "edgecnn models compare digits fashion",
    "edgecnn models compare cifar10 other.tflite --data photos/ --plot models.png",
)


@command(app, "compare", examples=EXAMPLES)
def compare_models(
    models: Annotated[
        list[str],
        typer.Argument(help="Names or folders of bundles, or .tflite files.", metavar="MODEL…"),
    ],
    *,
    data: Annotated[
        str | None,
        typer.Option(
            help=f"Labelled images to measure all models on: a {DATA_HELP}.",
            metavar="D",
            show_default="the accuracies in the bundles",
            rich_help_panel=HEADING,
        ),
    ] = None,
    selection: DataOptions,
    corruptions: Annotated[
        bool,
        typer.Option(
            "--corruptions", help="Measure under corruptions too; needs --data.", rich_help_panel=HEADING
        ),
    ] = False,
    engine: EngineOptions,
    bare: BareFileOptions,
    json_file: JsonOption = None,
    plot: Annotated[
        str | None,
        typer.Option(help="Draw accuracy over latency.", metavar="FILE.png", rich_help_panel="Output"),
    ] = None,
) -> None:
    """Compare models: accuracy, size, MACs, memory, latency here, robustness.

    Latencies are measured interleaved, on the same 640×480 frames.
    """
    from edgecnn.bench.compare import compare, draw_comparison
    from edgecnn.bench.entrants import evaluate_entrants, open_entrants, require_accuracy
    from edgecnn.io.output import write_bytes, write_text
    from edgecnn.machine.board import describe_board

    if data is None and (corruptions or selection.split or selection.limit):
        raise OptionError("--corruptions, --split and --limit say how to measure on --data D: add it")
    check_outputs({"--json": json_file, "--plot": plot})
    given, threads = bare.given, engine.count
    with exit_on_interrupt(), ExitStack() as stack:
        entrants = list(open_entrants(stack, models, engine.engine, threads, given))
        if data is not None:
            entrants = evaluate_entrants(
                entrants, data, selection.split, selection.limit, selection.layout, corruptions
            )
        elif plot:
            require_accuracy(entrants)
        rows = compare(entrants)
    board = describe_board()
    if json_file != "-":
        print_rows(rows, board.summary)
    if json_file:
        result = {"board": board.as_dict(), "models": [row.as_dict() for row in rows]}
        write_text(json_file, to_json(result, indent=1) + "\n")
    if plot:
        write_bytes(plot, draw_comparison(rows))
