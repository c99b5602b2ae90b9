"""`edgecnn compile`: a bundle's int8 variant for Coral's Edge TPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from edgecnn.cli.command import command, make_app
from edgecnn.cli.options.output import JsonOption
from edgecnn.cli.takes import options
from edgecnn.io.json_text import to_json
from edgecnn.io.output import exit_on_interrupt
from edgecnn.io.printable import open_console

if TYPE_CHECKING:
    from rich.console import Console

    from edgecnn.coral.compiling import Compiled

app = make_app()

EXAMPLES = (
    "edgecnn compile cifar10 --out cifar10-edgetpu",
    "edgecnn compile ./photos --compiled int8_edgetpu.tflite",
)


@options
class CompilerOptions:
    """How the compiled file is made."""

    heading: ClassVar = "Compiler"

    compiled: Annotated[
        str | None,
        typer.Option(help="Add this file, compiled elsewhere from the int8 variant.", metavar="FILE"),
    ] = None
    min_mapped: Annotated[
        float,
        typer.Option(
            help="Refuse a model if a smaller share of its operators maps to the Edge TPU.", metavar="SHARE"
        ),
    ] = 0.9
    timeout: Annotated[
        float, typer.Option(help="Stop the compiler after so many seconds.", metavar="SECONDS")
    ] = 600


@command(app, "compile", examples=EXAMPLES)
def compile_model(
    name: Annotated[str, typer.Argument(help="Name or folder of a bundle.", metavar="NAME")],
    *,
    compiler: CompilerOptions,
    out: Annotated[
        str | None,
        typer.Option(
            help="Write a copy with the new variant here, and leave the bundle as it is.",
            metavar="FOLDER",
            show_default="the bundle itself",
            rich_help_panel="Output",
        ),
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Compile a bundle for Coral's Edge TPU: it gets the variant int8_edgetpu.

    Needs Google's edgetpu_compiler, for 64-bit x86 Debian; if it is missing, the error says how to get it.
    `edgecnn inspect` shows beforehand what would be mapped.
    """
    from edgecnn.coral.compiling import compile_bundle
    from edgecnn.io.output import check_target, write_text

    if json_file:
        check_target(json_file)
    with exit_on_interrupt():
        made = compile_bundle(
            name,
            compiled=compiler.compiled,
            out=out,
            min_mapped=compiler.min_mapped,
            timeout_s=compiler.timeout,
        )
    if json_file != "-":
        print_compiled(made, out or name, open_console(soft_wrap=True))
    if json_file:
        write_text(json_file, to_json(made.as_dict(), indent=1) + "\n")


def print_compiled(made: Compiled, model: str, console: Console) -> None:
    """Print what was compiled and where it is; `model` is the name to type for the bundle."""
    from rich import box
    from rich.table import Table

    say = console.print
    share = f"{made.mapped} of {made.operations} operators run on the Edge TPU"
    say(f"{made.bundle.name}: {share}, {made.mapped / made.operations:.1%}")
    placements = made.log.placements if made.log else made.on_cpu
    if placements:
        table = Table(box=box.SIMPLE, pad_edge=False)
        table.add_column("operator", no_wrap=True)
        table.add_column("count", justify="right", no_wrap=True)
        table.add_column("where, and why")
        for p in placements:
            table.add_row(p.operator, str(p.count), p.status or "CPU")
        say(table)
    log = made.log
    if log and log.on_chip_bytes is not None and log.off_chip_bytes is not None:
        streamed = f"{log.off_chip_bytes / 1024:,.1f} KiB are streamed for every image"
        say(f"parameters: {log.on_chip_bytes / 1024:,.1f} KiB in the device's memory, {streamed}")
    if log and log.version:
        say(f"compiled by version {log.version}", end="; " if made.min_runtime_version else "\n")
    if made.min_runtime_version:
        say(f"runs with version {made.min_runtime_version} of the Edge TPU's runtime, and later")
    for note in made.notes:
        say(f"note: {note}")
    say(f"added {made.variant.name}, {made.variant.bytes:,} bytes, to {made.bundle.folder}:")
    say(f"  edgecnn live --model {model} --engine edgetpu")
