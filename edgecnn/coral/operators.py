"""Finds the operators of an int8 model that an Edge TPU would leave to the CPU.

The compiler maps a model up to the first operator that the device lacks; all operators after it run on the
CPU. The table is Coral's, for the compiler and runtime from version 14:
https://coral.ai/docs/edgetpu/models-intro/#supported-operations
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.tflite.file import read_tflite

if TYPE_CHECKING:
    from edgecnn.tflite.file import Operator, TfliteFile

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
# The types that the device computes with; the state of a recurrent operator may be int16, too.
_INTEGERS = ("int8", "uint8", "int32")
_WITH_STATE = ("UNIDIRECTIONAL_SEQUENCE_LSTM",)
# Operators that convert between float and integers at the ends of a graph.
_EDGES = ("QUANTIZE", "DEQUANTIZE")
_MOST_SOFTMAX = 16_000
_INT32 = 2  # TensorType of TFLite's schema


@dataclass(frozen=True, slots=True)
class Leaving:
    """One operator that would run on the CPU: its place in the graph (from 0), its name, and the reason."""

    index: int
    operator: str
    reason: str


@dataclass(frozen=True, slots=True)
class EdgeTpuFit:
    """The operators of a model that an Edge TPU can't run, in the graph's order.

    `operators` is the number in the whole graph. `behind` are the places of operators that it could run, but
    that come after one that it can't.
    """

    leaving: tuple[Leaving, ...]
    behind: tuple[int, ...]
    operators: int

    @property
    def on_cpu(self) -> int:
        """The number of operators that run on the CPU."""
        return len(self.leaving) + len(self.behind)

    @property
    def summary(self) -> str:
        """One line: how much of the model it runs, and the reason for the rest."""
        if not self.on_cpu:
            return f"all {self.operators} operators map, as far as Coral's table says"
        if self.on_cpu == self.operators:
            reason = self.leaving[0].reason
            return (
                f"takes none of the {self.operators} operators: {reason}; it takes full-integer models only"
            )
        named = "; ".join(f"{o.index + 1}, {o.operator}: {o.reason}" for o in self.leaving[:_MOST_NAMED])
        more = f"; and {len(self.leaving) - _MOST_NAMED} more" if len(self.leaving) > _MOST_NAMED else ""
        follow = f", with {len(self.behind)} behind" if self.behind else ""
        stay = "stays" if self.on_cpu == 1 else "stay"
        return f"{self.on_cpu} of {self.operators} operators {stay} on the CPU ({named}{more}{follow})"

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line for each operator that stays on the CPU, and their number; empty if all are mapped."""
        found = [f"operator {o.index + 1}, {o.operator}: {o.reason}" for o in self.leaving[:_MOST_WARNINGS]]
        if self.on_cpu:
            found.append(
                f"on an Edge TPU {self.on_cpu} of {self.operators} operators would run on the CPU ({SOURCE})"
            )
        return tuple(found)


_MOST_NAMED, _MOST_WARNINGS = 2, 20


def check_edge_tpu(content: bytes, source: str = "the model") -> EdgeTpuFit:
    """Find the operators of a `.tflite` (uncompiled) that would not run on Coral's Edge TPU.

    An operator that quantizes a float image before the network is the only one that stays on the CPU. After
    any other operator that the device can't run, all stay, since the compiler splits a graph only once. Only
    the compiler knows the limits that Coral states without a number ("certain sizes"). Raises ModelError if
    `content` is no model.
    """
    file = read_tflite(content, source)
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    leaving, behind, split = [], [], False
    for index, (operator, raw) in enumerate(zip(file.graph, model.subgraphs[0].operators or (), strict=True)):
        if reason := _wrong_type(operator, file) or _reason(operator.name, raw, model):
            leaving.append(Leaving(index, operator.name, reason))
            split = split or not _in_front(operator, file)
        elif split and not operator.name.startswith("edgetpu"):
            behind.append(index)
    return EdgeTpuFit(tuple(leaving), tuple(behind), len(file.operators))


def _in_front(operator: Operator, file: TfliteFile) -> bool:
    """Whether an operator only converts the input to integers, before the device starts."""
    return operator.name in _EDGES and set(operator.inputs) <= set(file.input_places)


def _wrong_type(operator: Operator, file: TfliteFile) -> str:
    """Return why the types of an operator's tensors keep it on the CPU, or nothing."""
    if operator.name.startswith("edgetpu"):
        return ""
    allowed = (*_INTEGERS, "int16") if operator.name in _WITH_STATE else _INTEGERS
    for place in (*operator.inputs, *operator.outputs):
        tensor = file.tensors[place]
        # Constants of axes and shapes are not values that it computes with.
        if tensor.dtype not in allowed and not (tensor.constant and tensor.dtype == "int64"):
            return f"it works on {tensor.dtype}"
    return ""


def _reason(name: str, raw: Any, model: Any) -> str:
    """Return why an operator stays on the CPU, or nothing."""
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
    """Return the values of an operator's input; empty if it is not a constant of int32."""
    if raw.inputs is None or len(raw.inputs) <= place or raw.inputs[place] < 0:
        return []
    tensor = model.subgraphs[0].tensors[raw.inputs[place]]
    data = model.buffers[tensor.buffer].data if tensor.type == _INT32 else None
    return [] if data is None else [int(v) for v in np.frombuffer(bytes(data), "<i4")]
