"""`edgecnn bench`: int8 against float on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.cli.command import command, make_app
from edgecnn.cli.options.bench import CandidateOptions, MeasureOptions, ReportOptions
from edgecnn.cli.options.data import DATA_HELP, HEADING, DataOptions
from edgecnn.cli.options.model import BareFileOptions, ModelOptions
from edgecnn.cli.outputs import check_outputs
from edgecnn.errors import BenchError, OptionError
from edgecnn.io.json_text import to_json
from edgecnn.io.output import exit_on_interrupt
from edgecnn.io.printable import open_console, printable_text

if TYPE_CHECKING:
    from edgecnn.bench import BenchResult

app = make_app()

EXAMPLES = (
    "edgecnn bench --model cifar10 --threads 1,4",
    "edgecnn bench --against other.tflite --json bench.json --html bench.html",
)


@command(app, examples=EXAMPLES)
def bench(
    *,
    model: ModelOptions,
    candidates: CandidateOptions,
    bare: BareFileOptions,
    measured: MeasureOptions,
    data: Annotated[
        str | None,
        typer.Option(
            help=f"Labelled images to measure accuracy on: a {DATA_HELP}.",
            metavar="D",
            rich_help_panel=HEADING,
        ),
    ] = None,
    selection: DataOptions,
    output: ReportOptions,
) -> None:
    """Measure int8 against float: interleaved, on the same 640×480 frames, after warm-up.

    A machine that was throttled or busy is reported at the top.
    """
    from edgecnn.bench.candidates import Asked
    from edgecnn.bench.session import run_bench
    from edgecnn.cli.bench_print import print_report

    if data is None and (selection.split or selection.limit):
        raise OptionError("--split and --limit select from the images of --data D: add it")
    check_outputs(output.files)
    asked = Asked(
        model=model.model,
        variant=model.variant,
        against=candidates.others,
        engines=candidates.engines,
        threads=candidates.counts,
        given=bare.given,
        source=measured.source,
        blocks=measured.blocks,
        seed=measured.seed,
        cold_starts=measured.cold_starts,
        data=data,
        split=selection.split,
        limit=selection.limit,
        layout=selection.layout,
        ops=measured.ops,
        compare=measured.compare,
    )
    with exit_on_interrupt():
        result = run_bench(asked)
    write_outputs(result, output.files)
    if "-" not in output.files.values():
        print_report(result, open_console())
    if output.strict and result.doubts:
        raise BenchError(
            f"not a quiet run: {'; '.join(result.doubts)}; close other programs, cool it, try again"
        )


def write_outputs(result: BenchResult, outputs: dict[str, str | None]) -> None:
    """Write each output that was asked for."""
    from edgecnn.bench.page import draw_page
    from edgecnn.bench.rows import csv_text
    from edgecnn.io.output import write_text

    texts = {
        "--json": lambda: to_json(result.as_dict(), indent=1) + "\n",
        "--csv": lambda: csv_text(result),
        "--html": lambda: draw_page(result),
    }
    for option, target in outputs.items():
        if target:
            write_text(target, printable_text(texts[option]()))
