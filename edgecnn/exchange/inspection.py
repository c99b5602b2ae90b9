"""Describes a `.tflite` file and how it would be used, without running it."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edgecnn.bundle.bare_file import usage_of_file
from edgecnn.bundle.bundle import Bundle, bundle_usage
from edgecnn.bundle.input_spec import Given
from edgecnn.bundle.usage import Usage, remembered_scores
from edgecnn.coral.operators import check_edge_tpu
from edgecnn.errors import ModelError
from edgecnn.tflite.arena import arena_bytes
from edgecnn.tflite.file import read_tflite

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.bundle.scores import Found
    from edgecnn.coral.operators import EdgeTpuFit
    from edgecnn.tflite.file import Tensor, TfliteFile

# Operators whose constants are shapes, axes and paddings: no learned parameters.
_ARRANGING = (
    "RESHAPE", "PAD", "PADV2", "MIRROR_PAD", "MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD",
    "TRANSPOSE", "STRIDED_SLICE", "SLICE", "SPLIT", "SPLIT_V", "SQUEEZE", "EXPAND_DIMS", "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR", "ARG_MAX", "ARG_MIN", "TILE", "GATHER", "TOPK_V2", "BROADCAST_TO", "SHAPE",
    "FILL", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layer:
    """One operator: its output, multiplications and parameters, and why it would not run on an Edge TPU.

    A parameter that several operators read counts for the first one.
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
    """The result of an inspection.

    `no_classifier` is the reason if it is no image classifier, otherwise empty. `usage` is how `classify`
    would use it, None if it is no classifier.
    """

    source: str
    bytes: int
    sha256: str
    file: TfliteFile
    layers: tuple[Layer, ...]
    arena_bytes: int
    edge_tpu: EdgeTpuFit
    no_classifier: str
    usage: Usage | None

    @property
    def operators(self) -> dict[str, int]:
        """The number of operators of each name, the most frequent first."""
        return dict(Counter(self.file.operators).most_common())

    @property
    def parameters(self) -> int:
        """The number of learned values: weights and biases."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def edge_tpu_summary(self) -> str:
        """One line: how much of it an Edge TPU would run."""
        if self.file.edge_tpu:
            count = len(self.layers) - self.file.operators.count("edgetpu-custom-op")
            stay = f"{count} operator{'s' * (count != 1)} stay{'s' * (count == 1)} on the CPU"
            return f"compiled for it, and runs nowhere else; {stay}"
        if self.file.ethos_u:
            return "none: Vela compiled it for Arm's Ethos-U, which only TensorFlow Lite Micro runs"
        return self.edge_tpu.summary

    @property
    def scores(self) -> Found | None:
        """What its outputs are: by the graph, otherwise by an earlier run; None if it is no classifier."""
        if self.usage is None:
            return None
        found = self.usage.found
        return found if found.scores else remembered_scores(self.usage.file) or found

    def _convention(self) -> dict[str, Any] | None:
        """Return how images become its input, for JSON."""
        if self.usage is None:
            return None
        found = self.usage.convention
        names = (
            "width", "height", "color", "fit", "resize", "background", "layout", "value_range",
            "channel_ranges",
        )  # fmt: skip
        return {name: getattr(found, name) for name in names} | {"reasons": found.reasons}

    def _nearness(self) -> dict[str, Any]:
        """Return the output with the nearness and its threshold, for JSON; empty without one."""
        if self.usage is None or self.usage.nearness is None:
            return {}
        return {
            "nearness": {
                "output": self.usage.nearness.name,
                "prototypes": self.usage.nearness.size,
                "threshold": self.usage.confidence.nearness,
            }
        }

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON; sizes in bytes."""
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
            "scores": self.scores._asdict() if self.scores else None,
            **self._nearness(),
            "pictures": self._convention(),
            "labels": list(self.usage.labels) if self.usage else [],
            "missing": [f"{lack}: {ask}" for lack, ask in self.usage.missing] if self.usage else [],
            "notices": list(self.usage.notices) if self.usage else [],
            "ethos_u": file.ethos_u,
            "edge_tpu": {
                "compiled": file.edge_tpu,
                "on_cpu": self.edge_tpu.on_cpu,
                "operators": len(self.layers),
                "summary": self.edge_tpu_summary,
            },
            "layers": [asdict(layer) for layer in self.layers],
        }


def inspect_model(
    data: bytes, source: str, given: Given | None = None, folder: Path | None = None
) -> Inspection:
    """Read a model file without running it.

    Parameters
    ----------
    data
        The file's bytes.
    source
        Its name in messages.
    given
        What the user says about it, which takes priority over its metadata.
    folder
        Where to look for a file of labels; None for nowhere.

    Raises
    ------
    ModelError
        If it is no TFLite file, or a damaged one. Other models than image classifiers are inspected as well.
    """
    file = read_tflite(data, source)
    try:
        return _inspect(data, source, file, usage_of_file(file, source, given or Given(), folder), "")
    except ModelError as error:
        return _inspect(data, source, file, None, str(error).removeprefix(source).lstrip(": "))


def inspect_bundle(bundle: Bundle, variant: str, given: Given | None = None) -> Inspection:
    """Read a bundle's variant without running it, as its manifest describes it. Raises ModelError."""
    data, usage = bundle_usage(bundle, variant, given or Given())
    source = str(bundle.folder / bundle.variants[variant].file)
    return _inspect(data, source, read_tflite(data, source), usage, "")


def _inspect(
    data: bytes, source: str, file: TfliteFile, usage: Usage | None, no_classifier: str
) -> Inspection:
    fit = check_edge_tpu(data, source)
    return Inspection(
        source, len(data), hashlib.sha256(data).hexdigest(), file, _layers(file, fit), arena_bytes(file),
        fit, no_classifier, usage,
    )  # fmt: skip


def _layers(file: TfliteFile, fit: EdgeTpuFit) -> tuple[Layer, ...]:
    reasons = {leaving.index: leaving.reason for leaving in fit.leaving}
    first = min(fit.behind, default=len(file.graph)) - 1
    counted: set[int] = set()
    layers = []
    for index, operator in enumerate(file.graph):
        learned = set() if operator.name in _ARRANGING else set(operator.inputs) - counted
        learned = {i for i in learned if file.tensors[i].constant}
        counted |= learned
        written = file.tensors[operator.outputs[0]] if operator.outputs else None
        behind = f"behind operator {first + 1}" if index in fit.behind else ""
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
