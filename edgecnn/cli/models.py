"""`edgecnn models`: list, show and verify bundles; the other commands on models are added to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.cli import compare, exchange
from edgecnn.cli.card import describe_bundle, print_card, read_card
from edgecnn.cli.command import command, make_app
from edgecnn.defaults import DEFAULT_MODEL
from edgecnn.errors import EdgeCnnError
from edgecnn.io.printable import echo, open_console
from edgecnn.io.quiet import say

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.bundle.bundle import Bundle

app = make_app("edgecnn models", "edgecnn models show digits", invoke_without_command=True)

NameArgument = Annotated[str, typer.Argument(help="Name or folder of a bundle.", metavar="MODEL")]
app.add_typer(compare.app)
app.add_typer(exchange.app)


@app.callback()
def models(context: typer.Context) -> None:
    """List, show, verify, compare, import and export models; alone, it lists bundles."""
    if context.invoked_subcommand is None:
        list_models()


@command(app, "list", examples=("edgecnn models list", "EDGECNN_MODELS=~/models edgecnn models list"))
def list_models() -> None:
    """List the bundles that have a name; one that can't be read is a line on stderr."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from edgecnn.bundle.bundle import survey_bundles

    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("name", no_wrap=True)
    for column in ("input", "classes", "int8 KiB", "int8 top-1", "float32 top-1"):
        table.add_column(column, justify="right", no_wrap=True)
    bundles, reasons = survey_bundles()
    for bundle in bundles:
        spec, variants = bundle.input, bundle.variants
        size = f"{variants['int8'].bytes / 1024:.1f}" if "int8" in variants else ""
        shares = [_share(variants[v].accuracy) if v in variants else "" for v in ("int8", "float32")]
        table.add_row(
            Text(bundle.name + (" *" if bundle.name == DEFAULT_MODEL else "")),
            f"{spec.width}×{spec.height} {spec.color}",
            str(len(bundle.labels)),
            size,
            *shares,
        )
    console = open_console(highlight=False)
    console.print(table)
    console.print("* the default; `edgecnn models show NAME` shows what it knows")
    for reason in reasons:
        say(f"left out: {reason}")


@command(app, "show", examples=("edgecnn models show digits", "edgecnn models show ./photos"))
def show_model(name: NameArgument = DEFAULT_MODEL) -> None:
    """Show a bundle's card."""
    from edgecnn.bundle.bundle import read_bundle

    bundle = read_bundle(_folder(name))
    card = read_card(bundle)
    print_card(card or f"# {bundle.title}\n", open_console())
    if not card:
        for line in describe_bundle(bundle):
            echo(line)
    for variant in bundle.variants.values():
        if variant.compiled:
            echo(f"Compiled for the Edge TPU: {variant.name}, {variant.bytes:,} bytes")
    echo(f"Files: {bundle.folder}")


@command(app, "verify", examples=("edgecnn models verify", "edgecnn models verify digits ./photos"))
def verify_models(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Names or folders of bundles.", metavar="MODEL…", show_default="all"),
    ] = None,
) -> None:
    """Check every file's hash and run the golden vectors; exit code 1 if one fails."""
    from edgecnn.bundle.bundle import bundle_folders, read_bundle

    failed = False
    for folder in [_folder(n) for n in names] if names else bundle_folders():
        try:
            bundle = read_bundle(folder)
        except EdgeCnnError as error:
            failed = True
            say(str(error))
            continue
        for variant in bundle.variants:
            try:
                sound, line = _verify(bundle, variant)
            except EdgeCnnError as error:
                failed = True
                say(str(error))
                continue
            echo(line)
            if not sound:
                failed = True
                say(f"{bundle.name} {variant} does not answer as it was published: copy it again")
    if failed:
        raise typer.Exit(1)


def _verify(bundle: Bundle, variant: str) -> tuple[bool, str]:
    """Return whether a variant gives its recorded answers, and the line to print."""
    from edgecnn.classify.golden import check
    from edgecnn.classify.loader import load

    if bundle.variants[variant].compiled:
        bundle.read(variant)
        return True, f"{bundle.name} {variant}: hash ok, golden vectors not run: they need an Edge TPU"
    with load(bundle.folder, variant) as classifier:
        result = check(classifier)
    verdict = "ok" if result.agrees else "NOT the recorded answers"
    difference = f"largest difference {result.largest_difference:.6f}"
    return result.agrees, f"{bundle.name} {variant}: hash ok, golden vectors {verdict}, {difference}"


def _folder(name: str) -> Path:
    from edgecnn.bundle.bundle import find
    from edgecnn.errors import ModelNotFound

    path = find(name)
    if not path.is_dir():
        raise ModelNotFound(
            f"{name} is a single file, not a bundle; `edgecnn classify --model {name}` runs it"
        )
    return path


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"
