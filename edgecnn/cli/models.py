"""`edgecnn models`: what is installed, what it knows, whether it is whole, and which is best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.cli import compare, exchange
from edgecnn.defaults import DEFAULT_MODEL
from edgecnn.errors import EdgeCnnError
from edgecnn.io.printable import echo, open_console

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from edgecnn.bundle.bundle import Bundle

app = typer.Typer(rich_markup_mode=None, add_completion=False, invoke_without_command=True)

NameArgument = Annotated[str, typer.Argument(help="A bundle's name or folder.", metavar="MODEL")]
# More of a card is not read: ours have 4 KB.
MOST_CARD_BYTES = 256 << 10

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
    """List the bundles that can be named; one that can't be read is a line on stderr."""
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
    console.print("* the default; `edgecnn models show NAME` tells what it knows")
    for reason in reasons:
        _complain(f"left out: {reason}")


@app.command("show")
def show_model(name: NameArgument = DEFAULT_MODEL) -> None:
    """Show a bundle's card."""
    from edgecnn.bundle.bundle import read_bundle

    bundle = read_bundle(_folder(name))
    card = _card(bundle)
    _print_card(card or f"# {bundle.title}\n", open_console())
    if not card:
        for line in _facts(bundle):
            echo(line)
    for variant in bundle.variants.values():
        if variant.compiled:
            echo(f"Compiled for the Edge TPU: {variant.name}, {variant.bytes:,} bytes")
    echo(f"Files: {bundle.folder}")


def _card(bundle: Bundle) -> str:
    """Return the card, "" of a bundle without one; what can't be read of it is said."""
    from edgecnn.io.regular import open_regular

    path = bundle.folder / "CARD.md"
    try:
        with open_regular(path) as file:
            data = file.read(MOST_CARD_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        _complain(f"{path} can't be read: {error.strerror}")
        return ""
    if len(data) > MOST_CARD_BYTES:
        _complain(f"{path} has more than {MOST_CARD_BYTES:,} bytes: the rest is not shown")
    return data[:MOST_CARD_BYTES].decode("utf-8-sig", "replace")


def _print_card(card: str, console: Console) -> None:
    from rich.markdown import Markdown

    if console.is_terminal:
        try:
            # With the addresses of links in sight: a terminal would hide them.
            console.print(Markdown(card, hyperlinks=False))
        except Exception:  # noqa: BLE001 - a card of others that can't be laid out is shown as it is
            console.print(card, markup=False, highlight=False, soft_wrap=True)
    else:
        echo(card)


@app.command("verify")
def verify_models(
    names: Annotated[list[str] | None, typer.Argument(help="Bundles; all of them if left out.")] = None,
) -> None:
    """Check every file's hash and run the golden vectors; exit code 1 where one fails."""
    from edgecnn.bundle.bundle import bundle_folders, read_bundle

    failed = False
    for folder in [_folder(n) for n in names] if names else bundle_folders():
        try:
            bundle = read_bundle(folder)
        except EdgeCnnError as error:
            failed = True
            _complain(str(error))
            continue
        for variant in bundle.variants:
            try:
                sound, line = _verify(bundle, variant)
            except EdgeCnnError as error:
                failed = True
                _complain(str(error))
                continue
            echo(line)
            if not sound:
                failed = True
                _complain(f"{bundle.name} {variant} does not answer as it was published: copy it again")
    if failed:
        raise typer.Exit(1)


def _verify(bundle: Bundle, variant: str) -> tuple[bool, str]:
    """Return whether a variant answers as it was recorded, and the line that says so."""
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


def _facts(bundle: Bundle) -> list[str]:
    """Return what a bundle without a card is: how images get in, and what comes out."""
    from edgecnn.bundle.bundle import bundle_usage
    from edgecnn.bundle.convention import Given, show_ranges

    spec, labels = bundle.input, bundle.labels
    imported = bundle.manifest.document.get("imported")
    source = imported.get("file") if isinstance(imported, dict) else None
    found = bundle_usage(bundle, bundle.default_variant(), Given())[1].found
    few = "; ".join(labels[:_MOST_LABELS])
    more = f" and {len(labels) - _MOST_LABELS:,} more" if len(labels) > _MOST_LABELS else ""
    return [
        *([f"Imported from {source}"] if isinstance(source, str) else []),
        f"Images: {spec.width}×{spec.height} {spec.color}, fit {spec.fit}",
        f"Pixels 0 and 255 become {show_ranges(spec.value_range, spec.channel_ranges)}",
        f"Scores: {found.scores or 'not known before it has run'}",
        f"Labels, {len(labels):,}: {few}{more}",
        *(f"Variant {v.name}: {v.bytes:,} bytes" for v in bundle.variants.values()),
    ]


def _complain(text: str) -> None:
    echo(f"edgecnn: {' '.join(text.split())}", err=True)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"
