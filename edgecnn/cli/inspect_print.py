"""What `edgecnn inspect` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.io.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

    from edgecnn.bundle.usage import Usage
    from edgecnn.exchange.inspection import Inspection
    from edgecnn.tflite.file import Tensor


def print_inspection(found: Inspection, console: Console) -> None:
    """Print an inspection as tables."""
    from rich.table import Table

    from edgecnn.bundle.classifier_file import is_open

    file = found.file
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column()
    rows = [("file", f"{found.source}, {found.bytes:,} bytes, SHA-256 {found.sha256[:12]}…")]
    rows += [("input", _tensor(t)) for t in file.inputs]
    rows += [("output", _tensor(t)) for t in file.outputs]
    if found.usage is None:
        rows.append(("no classifier", found.no_classifier.removeprefix("is no image classifier: ")))
    else:
        rows.append(("labels", _few(found.usage.labels) or "none: give them with --labels"))
    open_size = any(map(is_open, file.inputs))
    work = "not known: it depends on the size" if open_size else f"{file.macs:,} multiplications an image"
    memory = f"{found.arena_bytes:,} bytes for activations, as an interpreter plans them"
    rows += [
        ("operators", ", ".join(f"{n} {name}" for name, n in found.operators.items())),
        ("parameters", f"{found.parameters:,}"),
        ("work", work if open_size else f"{work} (products, below)"),
        ("memory", "not known: it depends on the size" if open_size else memory),
        ("float", f"{len(file.float_tensors)} of {len(file.tensors)} tensors"),
        ("Edge TPU", found.edge_tpu_summary),
        *_images(found),
    ]
    for name, text in rows:
        facts.add_row(name, printable(text))
    console.print(facts)
    _print_layers(found, console)


def _print_layers(found: Inspection, console: Console) -> None:
    """Print the operators as a table that 80 columns hold, and below it why some leave the Edge TPU."""
    from rich import box
    from rich.table import Table

    # If the file is compiled already, or none of it fits, the column would be the same in every row.
    leaves = 0 < found.edge_tpu.on_cpu < len(found.layers) and not found.file.edge_tpu
    layers = Table(box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    layers.add_column("", justify="right", no_wrap=True)
    layers.add_column("operator", overflow="fold", max_width=18)
    layers.add_column("writes", overflow="fold")
    for name in ("products", "share", "parameters"):
        layers.add_column(name, justify="right", no_wrap=True)
    if leaves:
        layers.add_column("runs on", no_wrap=True)
    for layer in found.layers:
        cells = [
            str(layer.index + 1),
            printable(layer.operator),
            f"{layer.dtype} {_shape(layer.shape)}",
            f"{layer.macs:,}" if layer.macs else "",
            f"{layer.macs / found.file.macs:.1%}" if layer.macs else "",
            f"{layer.parameters:,}" if layer.parameters else "",
        ]
        layers.add_row(*cells, *(["CPU" if layer.off_edge_tpu else "TPU"] if leaves else []))
    console.print(layers)
    if leaves:
        for leaving in found.edge_tpu.leaving:
            where = f"{leaving.index + 1}, {printable(leaving.operator)}"
            console.print(f"off the Edge TPU: {where}: {leaving.reason}", markup=False)


def _images(found: Inspection) -> list[tuple[str, str]]:
    """Return how images would be prepared, and why; what is missing; and what the scores are."""
    from edgecnn.bundle.convention import show_ranges

    use, scores = found.usage, found.scores
    if use is None or scores is None:
        return []
    way = use.convention
    rows = [("missing", f"it {lack}: {ask}") for lack, ask in use.missing]
    if way.value_range:
        becomes = show_ranges(way.value_range, way.channel_ranges)
        rows.append(("pixels", f"0 and 255 become {becomes} ({way.reasons['range']})"))
    means = {
        "probabilities": "probabilities",
        "logits": "logits: softmax is applied to them",
        "multi-label": "an independent probability for each class: any number of classes may be found",
        None: "not known before it has run on generated images; --scores sets it",
    }
    return [
        *rows,
        ("size", f"{way.width}×{way.height}, by --fit {way.fit} ({way.reasons['fit']})"),
        ("color", f"{way.color}, {way.layout.upper()} ({way.reasons['color']})"),
        ("scores", f"{means[scores.scores]} ({scores.reason})"),
        *_nearness(use),
        *(("note", notice) for notice in use.notices),
    ]


def _nearness(use: Usage) -> list[tuple[str, str]]:
    """Return which output has the nearness, and below which it is unknown."""
    if use.nearness is None:
        return []
    least = use.confidence.nearness
    unknown = "no threshold" if least is None else f"unknown below {least:.3f}"
    text = f"largest of {use.nearness.size:,} cosines in {use.nearness.name}: {unknown}"
    return [("nearness", text)]


def _tensor(tensor: Tensor) -> str:
    stands = f", scale {tensor.scale:.6g}, zero point {tensor.zero_point}" if tensor.scale else ""
    shape = tensor.signature if -1 in tensor.signature[1:] else tensor.shape
    return f"{tensor.dtype} {_shape(shape)} {tensor.name}{stands}"


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join("?" if n < 0 else str(n) for n in shape)


def _few(names: tuple[str, ...], most: int = 3) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{len(names):,}: {'; '.join(names[:most])}{more}" if names else ""
