"""`edgecnn models`: what is installed, what it knows, whether it is whole, and which is best."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn import DEFAULT_MODEL
from edgecnn.cli import compare, exchange
from edgecnn.errors import EdgeCnnError

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.bundle import Bundle

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)

NameArgument = Annotated[str, typer.Argument(help="A bundle's name or folder.", metavar="MODEL")]

# How many labels of a bundle without a card are shown.
_MOST_LABELS = 10

app.add_typer(compare.app)
app.add_typer(exchange.app)


@app.callback()
def models(context: typer.Context) -> None:
    """List, show, verify, compare, import and export models; alone, it lists bundles."""
    if context.invoked_subcommand is None:
        list_models()


@app.command("list")
def list_models() -> None:
    """List the bundles that can be named."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from edgecnn.bundle import list_bundles

    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("name", no_wrap=True)
    for column in ("input", "classes", "int8 KiB", "int8 top-1", "float32 top-1"):
        table.add_column(column, justify="right", no_wrap=True)
    for bundle in list_bundles():
        spec, variants = bundle.input, bundle.variants
        size = f"{variants['int8'].bytes / 1024:.1f}" if "int8" in variants else ""
        shares = [_share(variants[v].accuracy) if v in variants else "" for v in ("int8", "float32")]
        table.add_row(
            bundle.name + (" *" if bundle.name == DEFAULT_MODEL else ""),
            f"{spec.width}×{spec.height} {spec.color}",
            str(len(bundle.labels)),
            size,
            *shares,
        )
    console = Console(highlight=False)
    console.print(table)
    console.print("* the default; `edgecnn models show NAME` tells what it knows")


@app.command("show")
def show_model(name: NameArgument = DEFAULT_MODEL) -> None:
    """Show a bundle's card."""
    from rich.console import Console
    from rich.markdown import Markdown

    from edgecnn.bundle import read_bundle

    bundle = read_bundle(_folder(name))
    file = bundle.folder / "CARD.md"
    card = file.read_text("utf-8") if file.is_file() else f"# {bundle.title}\n"
    console = Console()
    console.print(
        Markdown(card) if console.is_terminal else card, markup=False, highlight=False, soft_wrap=True
    )
    if not file.is_file():
        for line in _facts(bundle):
            typer.echo(line)
    for variant in bundle.variants.values():
        if variant.compiled:
            typer.echo(f"Compiled for the Edge TPU: {variant.name}, {variant.bytes:,} bytes")
    typer.echo(f"Files: {bundle.folder}")


@app.command("verify")
def verify_models(
    names: Annotated[list[str] | None, typer.Argument(help="Bundles; all of them if left out.")] = None,
) -> None:
    """Check every file's hash and run the golden vectors; exit code 1 where one fails."""
    from edgecnn.bundle import bundle_folders, read_bundle
    from edgecnn.golden import check
    from edgecnn.loader import load

    failed = False
    for folder in [_folder(n) for n in names] if names else bundle_folders():
        try:
            bundle = read_bundle(folder)
        except EdgeCnnError as error:
            failed = True
            sys.stderr.write(f"edgecnn: {error}\n")
            continue
        for variant in bundle.variants:
            try:
                if bundle.variants[variant].compiled:
                    bundle.read(variant)
                    note = "golden vectors not run: they need an Edge TPU"
                    typer.echo(f"{bundle.name} {variant}: hash ok, {note}")
                    continue
                with load(bundle.folder, variant) as classifier:
                    result = check(classifier)
            except EdgeCnnError as error:
                failed = True
                sys.stderr.write(f"edgecnn: {error}\n")
                continue
            failed = failed or not result.agrees
            verdict = "ok" if result.agrees else "NOT the recorded answers"
            difference = f"largest difference {result.largest_difference:.6f}"
            typer.echo(f"{bundle.name} {variant}: hash ok, golden vectors {verdict}, {difference}")
    if failed:
        raise typer.Exit(1)


def _folder(name: str) -> Path:
    from edgecnn.bundle import find
    from edgecnn.errors import ModelNotFound

    path = find(name)
    if not path.is_dir():
        raise ModelNotFound(
            f"{name} is a single file, not a bundle; `edgecnn classify --model {name}` runs it"
        )
    return path


def _facts(bundle: Bundle) -> list[str]:
    """Return what a bundle without a card is: how images get in, and what comes out."""
    from edgecnn.bundle import bundle_usage
    from edgecnn.convention import Given, show_ranges

    spec, labels = bundle.input, bundle.labels
    imported = bundle.manifest.get("imported")
    source = imported.get("file") if isinstance(imported, dict) else None
    found = bundle_usage(bundle, bundle.default_variant(), Given())[1].found
    few = "; ".join(labels[:_MOST_LABELS])
    more = f" and {len(labels) - _MOST_LABELS:,} more" if len(labels) > _MOST_LABELS else ""
    return [
        *([f"Imported from {source}"] if source else []),
        f"Images: {spec.width}×{spec.height} {spec.color}, fit {spec.fit}",
        f"Pixels 0 and 255 become {show_ranges(spec.value_range, spec.channel_ranges)}",
        f"Scores: {found.scores or 'not known before it has run'}",
        f"Labels, {len(labels):,}: {few}{more}",
        *(f"Variant {v.name}: {v.bytes:,} bytes" for v in bundle.variants.values()),
    ]


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"
