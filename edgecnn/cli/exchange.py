"""`edgecnn models import` and `export`: models from other programs, and for them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.cli.options import (
    ColorOption,
    FitOption,
    InputSizeOption,
    LabelsOption,
    OutputOption,
    RangeOption,
    ScoresOption,
    VariantOption,
    parse_given,
)
from edgecnn.errors import OptionError
from edgecnn.io.printable import echo

if TYPE_CHECKING:
    from edgecnn.bundle.bundle import Model

app = typer.Typer(rich_markup_mode=None, add_completion=False)


class Io(StrEnum):
    """What goes in and out of an exported model."""

    same = "same"
    int8 = "int8"
    uint8 = "uint8"


@app.command("import")
def import_model(
    file: Annotated[str, typer.Argument(help="A .tflite image classifier.", metavar="FILE")],
    name: Annotated[str, typer.Option(help="The bundle's name.", metavar="NAME")],
    labels: LabelsOption = None,
    value_range: RangeOption = None,
    fit: FitOption = None,
    color: ColorOption = None,
    scores: ScoresOption = None,
    output: OutputOption = None,
    input_size: InputSizeOption = None,
) -> None:
    """Make a bundle of a model file: in ./NAME, or in $EDGECNN_MODELS/NAME where that is set.

    It says how pictures will be prepared, and why.
    """
    import os

    from edgecnn.bundle.convention import show_ranges
    from edgecnn.bundle.usage import usage_of_file
    from edgecnn.exchange.importing import import_model as run
    from edgecnn.io.quiet import say
    from edgecnn.tflite.file import read_tflite

    given = parse_given(labels, value_range, fit, color, scores, output, input_size)
    bundle = run(file, name, given)
    variant = next(iter(bundle.variants))
    told = usage_of_file(read_tflite(bundle.read(variant), file), file, given, Path(file).parent)
    for notice in told.notices:
        say(notice)
    way, meaning = told.convention, told.found
    becomes = show_ranges(bundle.input.value_range, bundle.input.channel_ranges)
    echo(f"pixels 0 and 255 become {becomes}: {way.reasons['range']}")
    echo(f"{way.width}×{way.height}, {way.fit}: {way.reasons['fit']}")
    echo(f"{way.color}, {way.layout.upper()}: {way.reasons['color']}")
    reason = meaning.reason if meaning.scores else "its outputs for generated images"
    echo(f"{len(bundle.labels)} labels; scores are {bundle.scores}: {reason}")
    shown = name if os.environ.get("EDGECNN_MODELS") else f"./{name}"
    echo(f"imported {bundle.folder}: edgecnn live --model {shown}")


@app.command("export")
def export_model(
    model: Annotated[str, typer.Argument(help="A bundle, or a .tflite.", metavar="MODEL")],
    variant: VariantOption = None,
    out: Annotated[str | None, typer.Option(help="./MODEL.tflite if left out.", metavar="FILE")] = None,
    io: Annotated[
        Io, typer.Option(help="What goes in and out: int8, or uint8 for what takes no int8, as MediaPipe.")
    ] = Io.same,
    c_array: Annotated[
        bool, typer.Option("--c-array", help="FILE.h and FILE.c for TensorFlow Lite Micro instead.")
    ] = False,
) -> None:
    """Write a model for other programs: the .tflite with labels and normalization inside.

    A bare .tflite has to say both itself; `edgecnn models import` makes a bundle of one that does not.
    """
    from edgecnn.bundle.bundle import open_model

    if c_array and io is Io.uint8:
        raise OptionError("--c-array is for TensorFlow Lite Micro, which takes no uint8: leave --io out")
    opened = open_model(model, variant)
    target = Path(out or f"{opened.name}{'' if c_array else '.tflite'}")
    if c_array and target.suffix in (".c", ".h"):
        target = target.with_suffix("")
    written = _c_files(opened, target, io) if c_array else {str(target): _tflite(opened, io)}
    for path, content in written.items():
        _check(path, content, opened, model, named=out is not None and not c_array)
    for path, content in written.items():
        _write(path, content)


def _tflite(model: Model, io: Io) -> bytes:
    from edgecnn.exchange.exporting import to_integers, with_metadata

    return with_metadata(model) if io is Io.same else to_integers(model, io.value)


def _c_files(model: Model, target: Path, io: Io) -> dict[str, bytes]:
    from edgecnn.exchange.exporting import to_c

    header, source = to_c(model, target.name, int8=io is Io.int8)
    return {f"{target}.h": header.encode(), f"{target}.c": source.encode()}


def _check(path: str, content: bytes, model: Model, source: str, *, named: bool) -> None:
    """Raise OutputError where a file can't be written, or would replace one that is not to be replaced.

    `named` says that --out names this very file.
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
        raise OutputError(f"{path} is there already and can't be read: {error.strerror}") from error
    if old != content and not is_own_c(old):
        raise OutputError(f"{path} is there already: name another file with --out, or move it away")


def _write(path: str, content: bytes) -> None:
    from edgecnn.io.output import write_bytes

    write_bytes(path, content)
    echo(f"{path}: {len(content):,} bytes")
