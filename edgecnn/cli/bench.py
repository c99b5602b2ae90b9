"""`edgecnn bench`: int8 against float on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edgecnn.cli.options import (
    ColorOption,
    FitOption,
    InputSizeOption,
    JsonOption,
    LabelsOption,
    Layout,
    LayoutOption,
    LimitOption,
    ModelOption,
    OutputOption,
    RangeOption,
    ScoresOption,
    SplitOption,
    VariantOption,
    parse_given,
    parse_threads,
)
from edgecnn.defaults import DEFAULT_MODEL
from edgecnn.errors import BenchError, OptionError
from edgecnn.io.json_text import to_json
from edgecnn.io.output import exit_on_interrupt
from edgecnn.io.printable import open_console, printable_text

if TYPE_CHECKING:
    from edgecnn.bench import BenchResult

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def bench(
    model: ModelOption = DEFAULT_MODEL,
    variant: VariantOption = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="What to hold it against: variants (else float32), all, or another .tflite file.",
            metavar="V[,V…]",
        ),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(help="Engines as of `classify`, such as litert,tflite-runtime.", metavar="E[,E…]"),
    ] = "auto",
    threads: Annotated[
        str, typer.Option(help="Threads for the model, such as 1,2; auto for the quickest.", metavar="N[,N…]")
    ] = "1",
    labels: LabelsOption = None,
    value_range: RangeOption = None,
    fit: FitOption = None,
    color: ColorOption = None,
    scores: ScoresOption = None,
    output: OutputOption = None,
    input_size: InputSizeOption = None,
    source: Annotated[
        str | None,
        typer.Option(help="Measure on the first frames of a folder, picture, video or camera.", metavar="S"),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="Labelled pictures, as of `evaluate`: accuracy beside latency.", metavar="D"),
    ] = None,
    split: SplitOption = None,
    limit: LimitOption = None,
    layout: LayoutOption = Layout.auto,
    ops: Annotated[
        bool, typer.Option("--ops", help="Tell multiplications and bytes of each operator.")
    ] = False,
    compare: Annotated[
        str | None,
        typer.Option(help="Tell what changed since an older run, by its JSON.", metavar="OLD.json"),
    ] = None,
    blocks: Annotated[
        int, typer.Option(help="How many turns of 25 runs each one has.", min=8, max=100_000, metavar="N")
    ] = 40,
    seed: Annotated[int, typer.Option(help="Decides the order of the turns.", metavar="N")] = 0,
    cold_starts: Annotated[
        int,
        typer.Option(
            help="How often a process is started for each, to its first label.", min=0, max=1000, metavar="N"
        ),
    ] = 3,
    json_file: JsonOption = None,
    csv_file: Annotated[
        str | None,
        typer.Option(
            "--csv", help="Write a row for each model, threads and stage; - is stdout.", metavar="FILE"
        ),
    ] = None,
    html_file: Annotated[
        str | None,
        typer.Option(
            "--html", help="Write a page with plots (needs the extra report); - is stdout.", metavar="FILE"
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 where the machine was not quiet.")
    ] = False,
) -> None:
    """Measure int8 against float: in turn, on the same 640×480 frames, after warm-up.

    A machine that was throttled, or that had something else to do, is told at the top.
    """
    from edgecnn.bench.candidates import Asked
    from edgecnn.bench.session import run_bench
    from edgecnn.cli.bench_print import print_report

    if data is None and (split or limit):
        raise OptionError("--split and --limit say which of the pictures of --data D: add it")
    for option, value in {"--source": source, "--data": data, "--compare": compare}.items():
        if value == "":
            raise OptionError(f"{option} is empty: say which, or leave it out")
    outputs = {"--json": json_file, "--csv": csv_file, "--html": html_file}
    check_outputs(outputs)
    asked = Asked(
        model=model,
        variant=variant,
        against=None if against is None else _parse_names(against, "--against"),
        engines=_parse_engines(engine),
        threads=_parse_counts(threads),
        given=parse_given(labels, value_range, fit, color, scores, output, input_size),
        source=source,
        blocks=blocks,
        seed=seed,
        cold_starts=cold_starts,
        data=data,
        split=split and split.value,
        limit=limit,
        layout=layout.value,
        ops=ops,
        compare=compare,
    )
    with exit_on_interrupt():
        result = run_bench(asked)
    write_outputs(result, outputs)
    if "-" not in outputs.values():
        print_report(result, open_console())
    if strict and result.doubts:
        raise BenchError(
            f"not a quiet run: {'; '.join(result.doubts)}; close other programs, cool it, try again"
        )


def _parse_counts(text: str) -> tuple[int | Literal["auto"], ...]:
    """Read `1,2`. Raises OptionError."""
    return tuple(dict.fromkeys(parse_threads(part) for part in text.split(",")))


def _parse_names(text: str, option: str) -> tuple[str, ...]:
    """Read `float32,float16`. Raises OptionError."""
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if not all(names):
        raise OptionError(f"{option} is {text!r}, expected names with commas between them")
    return names


def _parse_engines(text: str) -> tuple[str, ...]:
    """Read `litert,fake:delay_ms=5,jitter_ms=1`; a comma before `key=` separates nothing."""
    from edgecnn.camera import split_sources

    names = tuple(dict.fromkeys(split_sources(text)))
    if not names:
        raise OptionError("--engine is empty: name one, or leave it out")
    return names


def check_outputs(outputs: dict[str, str | None]) -> None:
    """Raise OptionError or OutputError for what can't be written, before the work that is to fill it."""
    from edgecnn.evaluation.heatmap import require_matplotlib
    from edgecnn.io.output import check_target

    if outputs.get("--html"):
        require_matplotlib()
    if len(alone := [option for option, target in outputs.items() if target == "-"]) > 1:
        raise OptionError(f"{' and '.join(alone)} can't all go to stdout: give all but one a file")
    named: dict[Path, str] = {}
    for option, target in outputs.items():
        if target == "":
            raise OptionError(f"{option} is empty: name a file, or - for stdout")
        if target:
            check_target(target)
            if (other := named.setdefault(Path(target).resolve(), option)) != option:
                raise OptionError(f"{other} and {option} name the same file, {target}: give each its own")


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
