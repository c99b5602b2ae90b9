"""What a `.tflite` file is and how it would be fed: everything that can be known without running it."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edgecnn.arena import arena_bytes
from edgecnn.bundle import find_labels
from edgecnn.convention import Given, find_convention
from edgecnn.edgetpu_ops import check_edge_tpu
from edgecnn.errors import ModelError
from edgecnn.tflite_file import read_tflite, require_classifier

if TYPE_CHECKING:
    from edgecnn.convention import Convention
    from edgecnn.edgetpu_ops import EdgeTpuFit
    from edgecnn.tflite_file import Tensor, TfliteFile

# Operators whose constants are shapes, axes and paddings: no parameters that are learned.
_ARRANGING = (
    "RESHAPE", "PAD", "PADV2", "MIRROR_PAD", "MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD",
    "TRANSPOSE", "STRIDED_SLICE", "SLICE", "SPLIT", "SPLIT_V", "SQUEEZE", "EXPAND_DIMS", "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR", "ARG_MAX", "ARG_MIN", "TILE", "GATHER", "TOPK_V2", "BROADCAST_TO", "SHAPE",
    "FILL", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layer:
    """One operator: what it writes, its multiplications, its parameters, and why it would leave the Edge TPU.

    A parameter that several operators read is the first one's.
    """

    index: int
    operator: str
    shape: tuple[int, ...]
    dtype: str
    macs: int
    parameters: int
    off_edge_tpu: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What there is to say of a file.

    `no_classifier` and `no_labels` are the reasons why it is no image classifier, and why its outputs have no
    names; empty where it is one and they have. `convention` is None for what is no classifier.
    """

    source: str
    bytes: int
    sha256: str
    file: TfliteFile
    layers: tuple[Layer, ...]
    arena_bytes: int
    edge_tpu: EdgeTpuFit
    no_classifier: str
    convention: Convention | None
    labels: tuple[str, ...]
    no_labels: str

    @property
    def operators(self) -> dict[str, int]:
        """How often each operator occurs, the most frequent first."""
        return dict(Counter(self.file.operators).most_common())

    @property
    def parameters(self) -> int:
        """How many numbers were learned: weights and biases."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def edge_tpu_summary(self) -> str:
        """One line: what of it an Edge TPU would take."""
        if self.file.edge_tpu:
            count = len(self.layers) - self.file.operators.count("edgetpu-custom-op")
            return f"compiled for it, and runs nowhere else; {count} operators stay on the CPU"
        if self.edge_tpu.wrong_tensors:
            return "takes full-integer models only"
        if self.edge_tpu.leaving:
            first = self.edge_tpu.leaving[0]
            return (
                f"{self.edge_tpu.on_cpu} of {len(self.layers)} operators stay on the CPU, "
                f"from {first.index + 1}, {first.operator}, on: {first.reason}"
            )
        return f"all {len(self.layers)} operators map, as far as Coral's table says"

    def as_dict(self) -> dict[str, Any]:
        """Return all of it for JSON; sizes in bytes."""
        file, metadata = self.file, self.file.metadata
        return {
            "file": self.source,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "inputs": [_tensor(t) for t in file.inputs],
            "outputs": [_tensor(t) for t in file.outputs],
            "operators": self.operators,
            "parameters": self.parameters,
            "macs": file.macs,
            "arena_bytes": self.arena_bytes,
            "float_tensors": list(file.float_tensors),
            "metadata": {"labels": bool(metadata.labels), "mean": metadata.mean, "std": metadata.std},
            "no_classifier": self.no_classifier or None,
            "ends_in_probabilities": file.ends_in_probabilities,
            "pictures": self.convention._asdict() if self.convention else None,
            "labels": list(self.labels),
            "no_labels": self.no_labels or None,
            "edge_tpu": {
                "compiled": file.edge_tpu,
                "on_cpu": self.edge_tpu.on_cpu,
                "wrong_tensors": list(self.edge_tpu.wrong_tensors),
                "summary": self.edge_tpu_summary,
            },
            "layers": [asdict(layer) for layer in self.layers],
        }


def inspect_model(data: bytes, source: str, given: Given | None = None) -> Inspection:
    """Read a model file without running it.

    Parameters
    ----------
    data
        The file's bytes.
    source
        What to call it.
    given
        What a person says of it, which comes before what it says itself.

    Raises
    ------
    ModelError
        Where it is no TFLite file, or a damaged one. What is no image classifier is inspected all the same.
    """
    given = given or Given()
    file = read_tflite(data, source)
    fit = check_edge_tpu(data, source)
    no_classifier, no_labels = "", ""
    convention, labels = None, tuple[str, ...]()
    try:
        require_classifier(file, source)
        convention = find_convention(file, given)
    except ModelError as error:
        no_classifier = str(error).removeprefix(source).lstrip(": ")
    else:
        try:
            labels = find_labels(file, source, given.labels)[0]
        except ModelError as error:
            no_labels = str(error).removeprefix(source).lstrip(": ")
    return Inspection(
        source, len(data), hashlib.sha256(data).hexdigest(), file, _layers(file, fit), arena_bytes(file),
        fit, no_classifier, convention, labels, no_labels,
    )  # fmt: skip


def _layers(file: TfliteFile, fit: EdgeTpuFit) -> tuple[Layer, ...]:
    reasons = {leaving.index: leaving.reason for leaving in fit.leaving}
    first = min(reasons, default=len(file.graph))
    counted: set[int] = set()
    layers = []
    for index, operator in enumerate(file.graph):
        learned = set() if operator.name in _ARRANGING else set(operator.inputs) - counted
        learned = {i for i in learned if file.tensors[i].constant}
        counted |= learned
        written = file.tensors[operator.outputs[0]] if operator.outputs else None
        behind = f"behind operator {first + 1}" if index > first else ""
        layers.append(
            Layer(
                index,
                operator.name,
                written.shape if written else (),
                written.dtype if written else "",
                operator.macs,
                sum(math.prod(file.tensors[i].shape) for i in learned),
                reasons.get(index, behind),
            )
        )
    return tuple(layers)


def _tensor(tensor: Tensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "scale": tensor.scale or None,
        "zero_point": tensor.zero_point if tensor.scale else None,
    }
