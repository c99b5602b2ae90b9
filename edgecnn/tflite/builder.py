"""Builds the graph of a `.tflite` step by step: tensors, operators, the file; also onto another graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.tflite.cut import cut_graph
from edgecnn.tflite.writer import pack_model, unpack_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int32": schema.TensorType.INT32,
}
# By operator: its code, the lowest version that every kernel here understands in float, and in int8.
_CODES = {
    "CONV_2D": (schema.BuiltinOperator.CONV_2D, 1, 3),
    "DEPTHWISE_CONV_2D": (schema.BuiltinOperator.DEPTHWISE_CONV_2D, 1, 3),
    "FULLY_CONNECTED": (schema.BuiltinOperator.FULLY_CONNECTED, 1, 4),
    "ADD": (schema.BuiltinOperator.ADD, 1, 2),
    "MEAN": (schema.BuiltinOperator.MEAN, 1, 2),
    "SOFTMAX": (schema.BuiltinOperator.SOFTMAX, 1, 2),
    "L2_NORMALIZATION": (schema.BuiltinOperator.L2_NORMALIZATION, 1, 2),
    "RESHAPE": (schema.BuiltinOperator.RESHAPE, 1, 1),
    "QUANTIZE": (schema.BuiltinOperator.QUANTIZE, 2, 2),
}
_ACTIVATIONS = {
    None: schema.ActivationFunctionType.NONE,
    "relu": schema.ActivationFunctionType.RELU,
    "relu6": schema.ActivationFunctionType.RELU6,
}


class Quantization(NamedTuple):
    """How a tensor's integers stand for real values: one scale, or one for each index of an axis."""

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int = 0


class GraphBuilder:
    """Builds one graph. Tensors are named by the numbers that its methods return.

    `int8` is whether operators get the version that has int8 kernels.
    """

    def __init__(self, *, int8: bool = False) -> None:
        model = schema.ModelT()
        model.version, model.operatorCodes = 3, []
        model.buffers = [_buffer(None)]  # the first one is empty, and stands for no content
        model.subgraphs = [schema.SubGraphT()]
        model.subgraphs[0].tensors, model.subgraphs[0].operators = [], []
        model.subgraphs[0].name = b"main"
        self._int8 = int8
        self._model, self._graph = model, model.subgraphs[0]
        self._codes: dict[str, int] = {}

    @classmethod
    def onto(cls, data: bytes, place: int, *, int8: bool = False) -> tuple[GraphBuilder, int]:
        """Return a builder that continues the graph of a file from one of its tensors, and that tensor.

        What does not lead to the tensor is left out.
        """
        builder = cls(int8=int8)
        builder._model = cut_graph(unpack_model(data), [place])
        builder._graph = builder._model.subgraphs[0]
        return builder, int(builder._graph.outputs[0])

    @property
    def inputs(self) -> list[int]:
        """The inputs of the graph that this one continues."""
        return [int(k) for k in self._graph.inputs]

    def dtype(self, tensor: int) -> str:
        """Return the name of a tensor's type."""
        number = self._graph.tensors[tensor].type
        return next(name for name, known in _TYPES.items() if known == number)

    def quantization(self, tensor: int) -> Quantization:
        """Return a tensor's quantization."""
        found = self._graph.tensors[tensor].quantization
        return Quantization(np.array(found.scale, np.float32), np.array(found.zeroPoint, np.int64))

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Return a tensor's shape."""
        return tuple(int(side) for side in self._graph.tensors[tensor].shape)

    def tensor(
        self, name: str, shape: Sequence[int], dtype: str, quantization: Quantization | None = None
    ) -> int:
        """Add a tensor that is computed in each run."""
        return self._add(name, shape, dtype, 0, quantization)

    def constant(self, name: str, values: NDArray[Any], quantization: Quantization | None = None) -> int:
        """Add a tensor that is stored in the file; int8, int32 or float32."""
        buffers = self._model.buffers
        buffers.append(_buffer(np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)))
        return self._add(name, values.shape, values.dtype.name, len(buffers) - 1, quantization)

    def operator(self, name: str, inputs: Sequence[int], output: int, options: Any = None) -> int:
        """Add an operator that writes one tensor, and return that tensor.

        `options` is one of the schema's `…OptionsT`.
        """
        if name not in self._codes:
            # One of its own, also where the continued graph has one: its version may be lower.
            self._codes[name] = len(self._model.operatorCodes)
            self._model.operatorCodes.append(self._code(name))
        step = schema.OperatorT()
        step.opcodeIndex = self._codes[name]
        step.inputs, step.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
        if options is not None:
            step.builtinOptions = options
            step.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self._graph.operators.append(step)
        return output

    def finish(self, inputs: Sequence[int], outputs: Sequence[int], description: str) -> bytes:
        """Return the file."""
        self._graph.inputs = np.array(inputs, np.int32)
        self._graph.outputs = np.array(outputs, np.int32)
        self._model.description = description.encode()
        return pack_model(self._model)

    def _code(self, name: str) -> Any:
        number, for_float, for_int8 = _CODES[name]
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = number
        code.version = for_int8 if self._int8 else for_float
        return code

    def _add(
        self, name: str, shape: Sequence[int], dtype: str, buffer: int, quantization: Quantization | None
    ) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.buffer = name.encode(), _TYPES[dtype], buffer
        tensor.shape = np.array(shape, np.int32)
        if quantization is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = quantization.scale.astype(np.float32)
            tensor.quantization.zeroPoint = quantization.zero_point.astype(np.int64)
            tensor.quantization.quantizedDimension = quantization.axis
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1


def conv_options(stride: int, activation: str | None, *, depthwise: bool = False) -> Any:
    """Return the options of a convolution with `SAME` padding."""
    options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideW = options.strideH = stride
    options.dilationWFactor = options.dilationHFactor = 1
    options.fusedActivationFunction = _ACTIVATIONS[activation]
    if depthwise:
        options.depthMultiplier = 1
    return options


def add_options() -> Any:
    """Return the options of a sum."""
    return schema.AddOptionsT()


def mean_options() -> Any:
    """Return the options of a mean that leaves the averaged axes out."""
    return schema.ReducerOptionsT()


def dense_options() -> Any:
    """Return the options of a dense layer without an activation."""
    return schema.FullyConnectedOptionsT()


def softmax_options() -> Any:
    """Return the options of a softmax."""
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    return options


def reshape_options(shape: Sequence[int]) -> Any:
    """Return the options of a change of shape."""
    options = schema.ReshapeOptionsT()
    options.newShape = list(shape)
    return options


def l2_options() -> Any:
    """Return the options of dividing vectors by their length."""
    return schema.L2NormOptionsT()


def _buffer(data: NDArray[np.uint8] | None) -> Any:
    buffer = schema.BufferT()
    buffer.data = data
    return buffer
