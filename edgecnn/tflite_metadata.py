"""Reads the standard TFLite metadata: the labels and normalization inside a `.tflite` file.

The schema is TensorFlow's `metadata_schema.fbs` ("M001"); no library that still installs ships code for it,
so the fields used here are listed by their slot. The labels travel as a ZIP archive behind the model.
https://ai.google.dev/edge/litert/conversion/tensorflow/metadata
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

from edgecnn.flatbuffer import Flatbuffer, read_schema

LABELS_FILE = "labels.txt"
# Of the labels, and of the directory of the archive that they are in.
MAX_LABEL_BYTES = 1 << 20
MOST_TABLES, MOST_VALUES = 10_000, 10_000

# Values of its enumerations.
_TENSOR_AXIS_LABELS, _NORMALIZATION = 2, 1

# What is read of them.
_SCHEMA = read_schema("""
table Model { _; _; _; subgraphs:[Subgraph]; }
table Subgraph { _; _; inputs:[Tensor]; outputs:[Tensor]; }
table Tensor { _; _; _; _; units:[Unit]; _; files:[File]; }
table Unit { options_type:ubyte; options:union; }
table Normalization { mean:[float]; std:[float]; }
table File { name:string; _; type:ubyte; }
""")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a model file says of itself: its labels, and the mean and deviation its input expects."""

    labels: tuple[str, ...] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


def read_metadata(buffer: bytes | None, model: bytes) -> Metadata:
    """Read the metadata buffer (None where the model has none) and the ZIP archive behind the model.

    Damaged metadata counts as none: they describe the model, they are not needed to run it.
    """
    labels_file, mean, std = None, None, None
    if buffer:
        try:
            labels_file, mean, std = _parse(buffer)
        except Exception:  # noqa: BLE001 - flatbuffers raises whatever the damaged bytes lead to
            labels_file = None
    return Metadata(_packed_labels(model, labels_file), mean, std)


def _packed_labels(model: bytes, name: str | None) -> tuple[str, ...] | None:
    try:
        with zipfile.ZipFile(_Wary(model)) as archive:
            texts = [i for i in archive.infolist() if i.filename.endswith(".txt")]
            chosen = next((i for i in texts if i.filename == name), texts[0] if len(texts) == 1 else None)
            # What bzip2 and LZMA unpack to can't be limited.
            if chosen is None or chosen.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                return None
            with archive.open(chosen) as packed:
                text = packed.read(MAX_LABEL_BYTES + 1)
            return tuple(text.decode("utf-8").splitlines()) if len(text) <= MAX_LABEL_BYTES else None
    except Exception:  # noqa: BLE001 - zipfile raises whatever the damaged bytes lead to
        return None


class _Wary(io.BytesIO):
    """Refuses long reads: the directory of an archive is one, as long as the archive says."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_LABEL_BYTES + 1:
            raise zipfile.BadZipFile("the directory is too large")
        return super().read(size)


def _parse(buffer: bytes) -> tuple[str | None, tuple[float, ...] | None, tuple[float, ...] | None]:
    file = Flatbuffer(buffer, _SCHEMA, MOST_TABLES, MOST_VALUES)
    labels_file, mean, std = None, None, None
    for subgraph in file.root("Model").subgraphs:
        for entry in (f for tensor in subgraph.outputs for f in tensor.files):
            if entry.type == _TENSOR_AXIS_LABELS and labels_file is None:
                labels_file = (entry.name or b"").decode("utf-8")
        for unit in (u for tensor in subgraph.inputs for u in tensor.units):
            if unit.options_type == _NORMALIZATION and unit.options is not None:
                options = file.table("Normalization", unit.options)
                mean, std = tuple(map(float, options.mean)) or None, tuple(map(float, options.std)) or None
    return labels_file, mean, std
