"""Reads the standard TFLite metadata: the labels and normalization inside a `.tflite` file.

The schema is TensorFlow's `metadata_schema.fbs` ("M001"); no library that still installs ships code for it,
so the fields used here are listed by their slot. The labels are in a ZIP archive after the model.
https://ai.google.dev/edge/litert/conversion/tensorflow/metadata
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.errors import LabelsError
from edgecnn.tflite.flatbuffer import Flatbuffer, read_schema
from edgecnn.tflite.label_formats import KEYS, read_structure
from edgecnn.tflite.labels import parse_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

LABELS_FILE = "labels.txt"
# The source of the labels inside, in messages.
INSIDE = "its metadata"
# At most so many files of the archive, and other metadata entries, are read.
MOST_FILES = 8
# Of the labels, and of the directory of their archive.
MAX_LABEL_BYTES = 1 << 20
MOST_TABLES, MOST_VALUES = 10_000, 10_000

# Values of its enumerations.
_TENSOR_AXIS_LABELS, _NORMALIZATION = 2, 1

# The fields that are read.
_SCHEMA = read_schema("""
table Model { _; description:string; _; subgraphs:[Subgraph]; }
table Subgraph { _; _; inputs:[Tensor]; outputs:[Tensor]; }
table Tensor { _; _; _; _; units:[Unit]; _; files:[File]; }
table Unit { options_type:ubyte; options:union; }
table Normalization { mean:[float]; std:[float]; }
table File { name:string; _; type:ubyte; }
""")


@dataclass(frozen=True, slots=True)
class Metadata:
    """The labels inside a model file, and the mean and deviation that its input expects.

    `no_labels` is the reason if labels inside can't be used, otherwise empty.
    """

    labels: tuple[str, ...] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    no_labels: str = ""


def read_metadata(buffer: bytes | None, model: bytes, notes: Sequence[tuple[str, bytes]] = ()) -> Metadata:
    """Read the metadata buffer (None if the model has none) and the ZIP archive after the model.

    Labels are searched in the file that the metadata name, in the other texts of the archive, in the
    description, and in `notes`, the other metadata entries: exporters store a map called `names` there.
    Damaged metadata count as missing: running the model does not need them.
    """
    labels_file, mean, std, about = None, None, None, b""
    if buffer:
        try:
            labels_file, mean, std, about = _parse(buffer)
        except Exception:  # noqa: BLE001 - flatbuffers raises whatever the damaged bytes lead to
            labels_file = None
    try:
        labels = _packed_labels(model, labels_file) or _named(about) or _noted(notes)
    except LabelsError as error:
        return Metadata(None, mean, std, str(error))
    return Metadata(tuple(labels) if labels else None, mean, std)


def _packed_labels(model: bytes, name: str | None) -> list[str] | None:
    """Read the labels in the archive: the file that the metadata name, `names`, or the only text."""
    texts = _packed_texts(model)
    if name in texts and (labels := parse_labels(texts[name], INSIDE)):
        return labels
    if found := next((found for text in texts.values() if (found := _named(text))), None):
        return found
    plain = [text for file, text in texts.items() if file.endswith(".txt")]
    return parse_labels(plain[0], INSIDE) if len(plain) == 1 else None


def _packed_texts(model: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(_LimitedReads(model)) as archive:
            # The output of bzip2 and LZMA can't be limited.
            entries = [
                entry
                for entry in archive.infolist()
                if entry.filename.endswith((".txt", ".json", ".yaml", ".yml"))
                and entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
            ]
            found = {}
            for entry in entries[:MOST_FILES]:
                with archive.open(entry) as packed:
                    text = packed.read(MAX_LABEL_BYTES + 1)
                if len(text) <= MAX_LABEL_BYTES:
                    found[entry.filename] = text
            return found
    except Exception:  # noqa: BLE001 - zipfile raises whatever the damaged bytes lead to
        return {}


def _named(text: bytes) -> list[str] | None:
    """Return the labels of a map or list under `names` or a similar key; None for other texts."""
    if len(text) > MAX_LABEL_BYTES:
        return None
    try:
        entries = read_structure(text.decode("utf-8-sig").strip("\0"))
    except UnicodeDecodeError:
        return None
    return parse_labels(text.strip(b"\0"), INSIDE) if entries else None


def _noted(notes: Sequence[tuple[str, bytes]]) -> list[str] | None:
    """Search for labels in other metadata entries, first in those with such a name."""
    ordered = sorted(notes, key=lambda note: note[0].lower() not in KEYS)
    for name, content in ordered[:MOST_FILES]:
        if found := _named(content):
            return found
        if name.lower() in KEYS and content.strip(b"\0\n") and len(content) <= MAX_LABEL_BYTES:
            return parse_labels(content.strip(b"\0"), INSIDE)
    return None


class _LimitedReads(io.BytesIO):
    """Refuses long reads: the archive itself says how long its directory is."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_LABEL_BYTES + 1:
            raise zipfile.BadZipFile("the directory is too large")
        return super().read(size)


def _parse(buffer: bytes) -> tuple[str | None, tuple[float, ...] | None, tuple[float, ...] | None, bytes]:
    file = Flatbuffer(buffer, _SCHEMA, MOST_TABLES, MOST_VALUES)
    labels_file, mean, std = None, None, None
    root = file.root("Model")
    for subgraph in root.subgraphs:
        for entry in (f for tensor in subgraph.outputs for f in tensor.files):
            if entry.type == _TENSOR_AXIS_LABELS and labels_file is None:
                labels_file = (entry.name or b"").decode("utf-8")
        for unit in (u for tensor in subgraph.inputs for u in tensor.units):
            if unit.options_type == _NORMALIZATION and unit.options is not None:
                options = file.table("Normalization", unit.options)
                mean, std = tuple(map(float, options.mean)) or None, tuple(map(float, options.std)) or None
    return labels_file, mean, std, root.description or b""
