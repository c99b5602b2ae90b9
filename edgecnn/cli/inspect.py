"""`edgecnn inspect`: what a model file is, without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.cli.options import (
    ColorOption,
    FitOption,
    JsonOption,
    LabelsOption,
    RangeOption,
    VariantOption,
    parse_given,
)
from edgecnn.json_text import to_json
from edgecnn.printable import open_console, printable

if TYPE_CHECKING:
    from rich.console import Console

    from edgecnn.inspection import Inspection
    from edgecnn.tflite_file import Tensor

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def inspect(
    model: Annotated[str, typer.Argument(help="A .tflite file, or a bundle.", metavar="MODEL")],
    variant: VariantOption = "int8",
    labels: LabelsOption = None,
    value_range: RangeOption = None,
    fit: FitOption = None,
    color: ColorOption = None,
    json_file: JsonOption = None,
) -> None:
    """Tell what a model file is: tensors, operators, cost, and how its pictures would be prepared.

    The file is read and never run.
    """
    from edgecnn.bundle import find, read_bundle, read_file
    from edgecnn.cli.output import write_text
    from edgecnn.inspection import inspect_model

    path, given = find(model), parse_given(labels, value_range, fit, color)
    if path.is_dir():
        bundle = read_bundle(path)
        data = bundle.read(variant)
        path = path / bundle.variants[variant].file
    else:
        data = read_file(path)
    found = inspect_model(data, str(path), given)
    if json_file != "-":
        print_inspection(found, open_console(soft_wrap=True))
    if json_file:
        write_text(json_file, to_json(found.as_dict(), indent=1) + "\n")


def print_inspection(found: Inspection, console: Console) -> None:
    """Print what was found, for a person."""
    from rich import box
    from rich.table import Table

    file = found.file
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column()
    rows = [("file", f"{found.source}, {found.bytes:,} bytes, SHA-256 {found.sha256[:12]}…")]
    rows += [("input", _tensor(t)) for t in file.inputs]
    rows += [("output", _tensor(t)) for t in file.outputs]
    if found.no_classifier:
        rows.append(("no classifier", found.no_classifier.removeprefix("is no image classifier: ")))
    else:
        rows.append(("labels", found.no_labels or _few(found.labels)))
    rows += [
        ("operators", ", ".join(f"{n} {name}" for name, n in found.operators.items())),
        ("parameters", f"{found.parameters:,}"),
        ("work", f"{file.macs:,} multiplications a picture (products, below)"),
        ("memory", f"{found.arena_bytes:,} bytes for activations, as an interpreter plans them"),
        ("float", f"{len(file.float_tensors)} of {len(file.tensors)} tensors"),
        ("Edge TPU", found.edge_tpu_summary),
        *_pictures(found),
    ]
    for name, text in rows:
        facts.add_row(name, printable(text))
    layers = Table(box=box.SIMPLE, pad_edge=False)
    layers.add_column("", justify="right", no_wrap=True)
    layers.add_column("operator", no_wrap=True)
    layers.add_column("writes", no_wrap=True)
    for name in ("products", "share", "parameters"):
        layers.add_column(name, justify="right", no_wrap=True)
    leaves = any(layer.off_edge_tpu for layer in found.layers)
    if leaves:
        layers.add_column("off the Edge TPU")
    for layer in found.layers:
        cells = [
            str(layer.index + 1),
            printable(layer.operator),
            f"{layer.dtype} {_shape(layer.shape)}",
            f"{layer.macs:,}" if layer.macs else "",
            f"{layer.macs / file.macs:.1%}" if layer.macs else "",
            f"{layer.parameters:,}" if layer.parameters else "",
        ]
        layers.add_row(*cells, *([layer.off_edge_tpu] if leaves else []))
    console.print(facts)
    console.print(layers)


def _pictures(found: Inspection) -> list[tuple[str, str]]:
    """Return how pictures would be prepared, and why."""
    from edgecnn.convention import ASK_FOR_RANGE

    way = found.convention
    if way is None:
        return []
    if way.value_range:
        low, high = way.value_range
        pixels = f"0 and 255 become {low:g} and {high:g} ({way.reasons['range']})"
    else:
        pixels = f"it {way.reasons['range']}: {ASK_FOR_RANGE}"
    scores = "probabilities" if found.file.ends_in_probabilities else "logits: softmax is applied to them"
    return [
        ("pixels", pixels),
        ("size", f"{way.width}×{way.height}, by --fit {way.fit} ({way.reasons['fit']})"),
        ("color", f"{way.color}, {way.layout.upper()} ({way.reasons['color']})"),
        ("scores", scores),
    ]


def _tensor(tensor: Tensor) -> str:
    stands = f", scale {tensor.scale:.6g}, zero point {tensor.zero_point}" if tensor.scale else ""
    return f"{tensor.dtype} {_shape(tensor.shape)} {tensor.name}{stands}"


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _few(names: tuple[str, ...], most: int = 3) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{len(names):,}: {'; '.join(names[:most])}{more}" if names else ""
