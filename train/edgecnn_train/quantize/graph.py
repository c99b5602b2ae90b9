"""A `.tflite` graph as a list of operators, and which operators of two files are the same layer."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.io.quiet import quiet_stderr
from edgecnn_train.quantize.compact import WEIGHTED, operator_name, tensor_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

# They change how numbers are stored, not the numbers.
_STORAGE = ("QUANTIZE", "DEQUANTIZE")


@dataclass(frozen=True, slots=True)
class LayerOperator:
    """One operator: `name` is its layer's, `input` and `output` are tensors' indices.

    `kernel` and `bias` are real values (dequantized where they are integers) in TFLite's layout, None where
    the operator has no weights.
    `output_scale` is 0 where the output is float.
    """

    name: str
    kind: str
    input: int
    output: int
    shape: tuple[int, ...]
    output_scale: float
    output_zero_point: int
    kernel: NDArray[np.float64] | None
    bias: NDArray[np.float64] | None
    options: Any

    @property
    def key(self) -> tuple[object, ...]:
        """What the same layer has in common in two files of one network."""
        return self.kind, self.shape, None if self.kernel is None else self.kernel.shape


def read_operators(content: bytes) -> list[LayerOperator]:
    """Return the operators of the first graph in their order, without those that only change the storage."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    graph = model.subgraphs[0]
    names = tensor_names(model, graph)
    found = []
    for raw in graph.operators:
        kind = operator_name(model, raw)
        if kind in _STORAGE:
            continue
        output = graph.tensors[raw.outputs[0]]
        scale, zero_point = _scales(output.quantization)
        weighted = kind in WEIGHTED
        bias = raw.inputs[2] if weighted and len(raw.inputs) > 2 and raw.inputs[2] >= 0 else None
        found.append(
            LayerOperator(
                name=names[raw.outputs[0]],
                kind=kind,
                input=int(raw.inputs[0]),
                output=int(raw.outputs[0]),
                shape=tuple(int(n) for n in output.shape),
                output_scale=float(scale[0]) if scale.size == 1 else 0.0,
                output_zero_point=int(zero_point[0]) if zero_point.size == 1 else 0,
                kernel=_real(model, graph.tensors[raw.inputs[1]]) if weighted else None,
                bias=None if bias is None else _real(model, graph.tensors[bias]),
                options=raw.builtinOptions,
            )
        )
    return found


def match(
    first: list[LayerOperator], second: list[LayerOperator]
) -> list[tuple[LayerOperator, LayerOperator]]:
    """Pair the operators of two files of one network.

    The longest runs of the same kind, output shape and kernel shape first (Ratcliff and Obershelp), which
    leaves out what only one file has, such as a folded operator; then those left over that have the same
    key, in their order, because branches may change places.
    """
    keys = [o.key for o in first], [o.key for o in second]
    pairs: dict[int, int] = {}
    for block in SequenceMatcher(None, *keys, autojunk=False).get_matching_blocks():
        pairs |= {block.a + i: block.b + i for i in range(block.size)}
    left = [j for j in range(len(second)) if j not in pairs.values()]
    for i in range(len(first)):
        if i not in pairs and (same := [j for j in left if keys[1][j] == keys[0][i]]):
            pairs[i] = same[0]
            left.remove(same[0])
    return [(first[i], second[j]) for i, j in sorted(pairs.items())]


def open_whole(content: bytes) -> Any:
    """Open a file in an interpreter that keeps every tensor after a run."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # Without XNNPACK, which hides the tensors inside its part of the graph.
    with quiet_stderr():
        interpreter = Interpreter(
            model_content=content,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
    return interpreter


def run_image(interpreter: Any, image: NDArray[Any]) -> None:
    """Run one image, H×W×C as the input takes it."""
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
    interpreter.invoke()


def _scales(quantization: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if quantization is None or quantization.scale is None:
        return np.zeros(0), np.zeros(0)
    zero_point = quantization.zeroPoint
    scale = np.asarray(quantization.scale, np.float64)
    return scale, np.zeros_like(scale) if zero_point is None else np.asarray(zero_point, np.float64)


def _real(model: Any, tensor: Any) -> NDArray[np.float64]:
    from ai_edge_litert import schema_py_generated as schema

    types = {
        schema.TensorType.FLOAT32: "<f4",
        schema.TensorType.FLOAT16: "<f2",
        schema.TensorType.INT8: "i1",
        schema.TensorType.INT32: "<i4",
    }
    data = model.buffers[tensor.buffer].data
    if data is None:  # computed by the graph, as float16 weights are
        return np.zeros(tuple(tensor.shape))
    values = np.frombuffer(bytes(data), types[tensor.type]).reshape(tuple(tensor.shape)).astype(np.float64)
    scale, zero_point = _scales(tensor.quantization)
    if not scale.size:
        return values
    axis = tensor.quantization.quantizedDimension if scale.size > 1 else 0
    shape = [1] * values.ndim
    shape[axis] = scale.size
    return (values - zero_point.reshape(shape)) * scale.reshape(shape)
