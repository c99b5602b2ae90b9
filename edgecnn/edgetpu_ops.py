"""Which parts of an int8 model would leave the Edge TPU for the CPU.

The compiler maps a model up to its first operator that the device lacks; everything behind it runs on the
CPU. The table is Coral's, for the compiler and runtime of version 14 and later:
https://coral.ai/docs/edgetpu/models-intro/#supported-operations
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecnn.tflite_file import read_tflite

SOURCE = "https://coral.ai/docs/edgetpu/models-intro/#supported-operations"

# TFLite's name of each supported operator, and its known limitations in Coral's words.
SUPPORTED = {
    "ADD": "",
    "AVERAGE_POOL_2D": "no fused activation function",
    "CONCATENATION": "no fused activation function; a constant input must be all zeros, one of two",
    "CONV_2D": "the same dilation in x and y",
    "DEPTHWISE_CONV_2D": "the same dilation in x and y",
    "EXPAND_DIMS": "",
    "FULLY_CONNECTED": "only the default format of weights; the output is one-dimensional",
    "L2_NORMALIZATION": "",
    "LOGISTIC": "",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "",
    "MAXIMUM": "",
    "MAX_POOL_2D": "no fused activation function",
    "MEAN": "no reduction in the batch dimension; over the channels only where they are a multiple of 4",
    "MINIMUM": "",
    "MUL": "",
    "PACK": "no packing in the batch dimension",
    "PAD": "no padding in the batch dimension",
    "PRELU": "alpha is one-dimensional",
    "QUANTIZE": "",
    "REDUCE_MAX": "not over the batch dimension",
    "REDUCE_MIN": "not over the batch dimension",
    "RELU": "",
    "RELU6": "",
    "RELU_N1_TO_1": "",
    "RESHAPE": "certain reshapes of large tensors are not mapped",
    "RESIZE_BILINEAR": "certain sizes are not mapped, to avoid loss in precision",
    "RESIZE_NEAREST_NEIGHBOR": "certain sizes are not mapped, to avoid loss in precision",
    "RSQRT": "",
    "SLICE": "",
    "SOFTMAX": "one-dimensional, with at most 16,000 elements",
    "SPACE_TO_DEPTH": "",
    "SPLIT": "no splitting in the batch dimension",
    "SPLIT_V": "no splitting in the batch dimension",
    "SQUARED_DIFFERENCE": "",
    "SQUEEZE": "certain sizes are not mapped",
    "STRIDED_SLICE": "all strides are 1",
    "SUB": "",
    "SUM": "not over the batch dimension",
    "TANH": "",
    "TRANSPOSE": "",
    "TRANSPOSE_CONV": "",
}
_INTEGERS = ("int8", "uint8", "int32")
_MOST_SOFTMAX = 16_000


@dataclass(frozen=True, slots=True)
class Leaving:
    """One operator that would run on the CPU: its place in the graph (from 0), its name, and why."""

    index: int
    operator: str
    reason: str


@dataclass(frozen=True, slots=True)
class EdgeTpuFit:
    """What of a model an Edge TPU can't take: operators in the graph's order, and tensors by name.

    `operators` counts the whole graph's; `on_cpu` those from the first that leaves to the last.
    """

    leaving: tuple[Leaving, ...]
    wrong_tensors: tuple[str, ...]
    operators: int

    @property
    def on_cpu(self) -> int:
        """How many operators run on the CPU, since the compiler splits a graph only once."""
        return self.operators - self.leaving[0].index if self.leaving else 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line for each thing found; none for a model that fits."""
        found = [f"operator {o.index + 1}, {o.operator}: {o.reason}" for o in self.leaving]
        if self.wrong_tensors:
            found.append(
                f"{len(self.wrong_tensors)} tensors are none of {', '.join(_INTEGERS)}, "
                f"such as {self.wrong_tensors[0]}: the compiler takes full-integer models only"
            )
        if self.leaving:
            found.append(
                f"on an Edge TPU {self.on_cpu} of {self.operators} operators would run on the CPU ({SOURCE})"
            )
        return tuple(found)


_INT32 = 2  # TensorType of TFLite's schema


def check_edge_tpu(content: bytes, source: str = "the model") -> EdgeTpuFit:
    """Say what of a `.tflite` (uncompiled, int8) would not run on Coral's Edge TPU.

    The limits that Coral states without a number ("certain sizes") can't be known here: the compiler has
    the last word. Raises ModelError where `content` is no model.
    """
    file = read_tflite(content, source)
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    leaving = []
    for index, (name, raw) in enumerate(zip(file.operators, model.subgraphs[0].operators or (), strict=True)):
        if reason := _reason(name, raw, model):
            leaving.append(Leaving(index, name, reason))
    wrong = tuple(f"{t.name} ({t.dtype})" for t in file.tensors if t.dtype not in _INTEGERS)
    return EdgeTpuFit(tuple(leaving), wrong, len(file.operators))


def _reason(name: str, raw: Any, model: Any) -> str:
    """Return why an operator leaves the Edge TPU, or nothing."""
    if name.startswith("edgetpu"):
        return ""
    if name not in SUPPORTED:
        return "the Edge TPU has no such operator"
    options, limit = raw.builtinOptions, SUPPORTED[name]
    shape = _shape(raw.outputs[0], model)
    broken = {
        "no fused": getattr(options, "fusedActivationFunction", 0) != 0,
        "the same dilation": getattr(options, "dilationWFactor", 1) != getattr(options, "dilationHFactor", 1),
        "only the default": getattr(options, "weightsFormat", 0) != 0,
        "one-dimensional,": max(shape, default=1) > _MOST_SOFTMAX or sum(n > 1 for n in shape) > 1,
        "no reduction in": 0 in _constant(raw, 1, model),
        "not over the batch": 0 in _constant(raw, 1, model),
        "all strides": set(_constant(raw, 3, model)) - {1} != set(),
    }
    if any(limit.startswith(key) and value for key, value in broken.items()):
        return f"the Edge TPU has it with a limit: {limit}"
    if any(n > 1 for n in shape[:-3]):
        return f"its output has the shape {shape}: only the innermost three dimensions may be above 1"
    return ""


def _shape(tensor: int, model: Any) -> list[int]:
    shape = model.subgraphs[0].tensors[tensor].shape
    return [] if shape is None else [int(n) for n in shape]


def _constant(raw: Any, place: int, model: Any) -> list[int]:
    """Return the values of an operator's input, or nothing where it is no constant of int32."""
    if raw.inputs is None or len(raw.inputs) <= place or raw.inputs[place] < 0:
        return []
    tensor = model.subgraphs[0].tensors[raw.inputs[place]]
    data = model.buffers[tensor.buffer].data if tensor.type == _INT32 else None
    return [] if data is None else [int(v) for v in np.frombuffer(bytes(data), "<i4")]
