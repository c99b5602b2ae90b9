"""`edgecnn models`: what is installed, what it knows, and whether it is whole."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn import DEFAULT_MODEL
from edgecnn.errors import EdgeCnnError

if TYPE_CHECKING:
    from rich.console import JustifyMethod

    from edgecnn.bundle import Bundle

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)

NameArgument = Annotated[str, typer.Argument(help="A bundle's name or folder.", metavar="MODEL")]


@app.callback()
def models(context: typer.Context) -> None:
    """List, show and verify model bundles; alone, it lists them."""
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
    for column in ("name", "input", "classes", "int8 KiB", "int8", "float32", "title"):
        justify: JustifyMethod = "left" if column in ("name", "title") else "right"
        table.add_column(column, justify=justify, no_wrap=column != "title")
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
            bundle.title,
        )
    console = Console(highlight=False)
    console.print(table)
    console.print("* the default; int8 and float32 are top-1 on the test pictures")


@app.command("show")
def show_model(name: NameArgument = DEFAULT_MODEL) -> None:
    """Show a bundle's card."""
    bundle = _bundle(name)
    card = bundle.folder / "CARD.md"
    typer.echo(card.read_text("utf-8") if card.is_file() else f"# {bundle.title}\n")
    typer.echo(f"Files: {bundle.folder}")


@app.command("verify")
def verify_models(
    names: Annotated[list[str] | None, typer.Argument(help="Bundles; all of them if left out.")] = None,
) -> None:
    """Check every file's hash and run the golden vectors; exit code 1 where one fails."""
    from edgecnn.bundle import list_bundles
    from edgecnn.classifier import load
    from edgecnn.golden import check

    failed = False
    for bundle in [_bundle(n) for n in names] if names else list_bundles():
        for variant in bundle.variants:
            try:
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


def _bundle(name: str) -> Bundle:
    from edgecnn.bundle import find, read_bundle
    from edgecnn.errors import ModelNotFound

    path = find(name)
    if not path.is_dir():
        raise ModelNotFound(
            f"{name} is a single file, not a bundle; `edgecnn classify --model {name}` runs it"
        )
    return read_bundle(path)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"
