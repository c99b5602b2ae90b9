"""`edgecnn models import` and `export`: exchange models with other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edgecnn.cli.command import command, make_app
from edgecnn.cli.options.model import BareFileOptions, VariantOption
from edgecnn.errors import OptionError
from edgecnn.io.printable import echo
from edgecnn.io.quiet import say

if TYPE_CHECKING:
    from edgecnn.bundle.bundle import Model

app = make_app()

IMPORT_EXAMPLES = (
    "edgecnn models import model.tflite --name flowers --labels labels.txt",
    "edgecnn models import mobilenet.tflite --name imagenet --range=-1..1",
)
EXPORT_EXAMPLES = (
    "edgecnn models export digits --io uint8 --out digits.tflite",
    "edgecnn models export digits --io int8 --c-array --out digits",
)
# What goes in and out of an exported model.
Io = Literal["same", "int8", "uint8"]


@command(app, "import", examples=IMPORT_EXAMPLES)
def import_model(
    file: Annotated[str, typer.Argument(help="A .tflite image classifier.", metavar="FILE")],
    name: Annotated[
        str, typer.Option(help="Name of the new bundle.", metavar="NAME", rich_help_panel="Output")
    ],
    bare: BareFileOptions,
) -> None:
    """Make a bundle of a model file: in ./NAME, or in $EDGECNN_MODELS/NAME where that is set.

    It reports how images will be prepared, and why.
    """
    import os

    from edgecnn.bundle.bare_file import usage_of_file
    from edgecnn.bundle.convention import show_ranges
    from edgecnn.exchange.importing import import_model as run
    from edgecnn.io.quiet import say
    from edgecnn.tflite.file import read_tflite

    given = bare.given
    bundle = run(file, name, given)
    variant = next(iter(bundle.variants))
    usage = usage_of_file(read_tflite(bundle.read(variant), file), file, given, Path(file).parent)
    for notice in usage.notices:
        say(notice)
    way, meaning = usage.convention, usage.found
    becomes = show_ranges(bundle.input.value_range, bundle.input.channel_ranges)
    echo(f"pixels 0 and 255 become {becomes}: {way.reasons['range']}")
    echo(f"{way.width}×{way.height}, {way.fit}: {way.reasons['fit']}")
    echo(f"{way.color}, {way.layout.upper()}: {way.reasons['color']}")
    reason = meaning.reason if meaning.scores else "its outputs for generated images"
    echo(f"{len(bundle.labels)} labels; scores are {bundle.scores}: {reason}")
    shown = name if os.environ.get("EDGECNN_MODELS") else f"./{name}"
    echo(f"imported {bundle.folder}: edgecnn live --model {shown}")


@command(app, "export", examples=EXPORT_EXAMPLES)
def export_model(
    model: Annotated[str, typer.Argument(help="A bundle, or a .tflite file.", metavar="MODEL")],
    variant: VariantOption = None,
    out: Annotated[
        str | None,
        typer.Option(
            help="File to write.", metavar="FILE", show_default="./MODEL.tflite", rich_help_panel="Output"
        ),
    ] = None,
    io: Annotated[
        Io,
        typer.Option(
            help="Type of input and output: int8, or uint8 for programs without int8, such as MediaPipe.",
            rich_help_panel="Output",
        ),
    ] = "same",
    c_array: Annotated[
        bool,
        typer.Option(
            "--c-array",
            help="Write FILE.h and FILE.c for TensorFlow Lite Micro instead.",
            rich_help_panel="Output",
        ),
    ] = False,
) -> None:
    """Write a model for other programs: the .tflite file with labels and normalization inside.

    A bare .tflite file has to contain both; `edgecnn models import` makes a bundle of one that does not.
    """
    from edgecnn.bundle.bundle import open_model
    from edgecnn.exchange.scores_alone import note_on_nearness

    if c_array and io == "uint8":
        raise OptionError("--c-array is for TensorFlow Lite Micro, which takes no uint8: leave --io out")
    if out == "-":
        raise OptionError("--out is -, and a model is not written to stdout: name a file")
    opened = open_model(model, variant)
    target = Path(out or f"{opened.name}{'' if c_array else '.tflite'}")
    if c_array and target.suffix in (".c", ".h"):
        target = target.with_suffix("")
    written = _c_files(opened, target, io) if c_array else {str(target): _tflite(opened, io)}
    for path, content in written.items():
        _check(path, content, opened, model, named=out is not None and not c_array)
    for path, content in written.items():
        _write(path, content)
    if note := note_on_nearness(opened):
        say(note)


def _tflite(model: Model, io: Io) -> bytes:
    from edgecnn.exchange.exporting import to_integers, with_metadata

    return with_metadata(model) if io == "same" else to_integers(model, io)


def _c_files(model: Model, target: Path, io: Io) -> dict[str, bytes]:
    from edgecnn.exchange.exporting import to_c

    header, source = to_c(model, target.name, int8=io == "int8")
    return {f"{target}.h": header.encode(), f"{target}.c": source.encode()}


def _check(path: str, content: bytes, model: Model, source: str, *, named: bool) -> None:
    """Raise OutputError if a file can't be written, or would replace a file that edgecnn did not write.

    `named` means that --out names exactly this file.
    """
    from edgecnn.errors import OutputError
    from edgecnn.exchange.exporting import is_own_c
    from edgecnn.io.output import check_target
    from edgecnn.io.regular import read_regular

    there = Path(path).exists()
    inside = there and model.bundle and Path(path).resolve().parent == model.bundle.folder.resolve()
    if inside or (there and not model.bundle and Path(path).resolve() == Path(source).resolve()):
        raise OutputError(f"{path} is a file of the model that is exported: name another file with --out")
    check_target(path)
    if named or not Path(path).is_file():
        return
    try:
        old = read_regular(path, remember=False)
    except OSError as error:
        raise OutputError(f"{path} already exists and can't be read: {error.strerror}") from error
    if old != content and not is_own_c(old):
        raise OutputError(f"{path} already exists: name another file with --out, or move it away")


def _write(path: str, content: bytes) -> None:
    from edgecnn.io.output import write_bytes

    write_bytes(path, content)
    echo(f"{path}: {len(content):,} bytes")
