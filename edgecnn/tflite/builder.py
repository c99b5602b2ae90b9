"""Builds the graph of a `.tflite` step by step: tensors, operators, then the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.tflite.writer import pack_model

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
        self._int8 = int8
        self._graph = schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._graph.name = b"main"
        self._buffers: list[Any] = [_buffer(None)]  # the first one is empty, and stands for no content
        self._codes: list[str] = []

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
        self._buffers.append(_buffer(np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)))
        return self._add(name, values.shape, values.dtype.name, len(self._buffers) - 1, quantization)

    def operator(self, name: str, inputs: Sequence[int], output: int, options: Any = None) -> int:
        """Add an operator that writes one tensor, and return that tensor.

        `options` is one of the schema's `…OptionsT`.
        """
        if name not in self._codes:
            self._codes.append(name)
        step = schema.OperatorT()
        step.opcodeIndex = self._codes.index(name)
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
        model = schema.ModelT()
        model.version, model.description = 3, description.encode()
        model.subgraphs, model.buffers = [self._graph], self._buffers
        model.operatorCodes = [self._code(name) for name in self._codes]
        return pack_model(model)

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


def _buffer(data: NDArray[np.uint8] | None) -> Any:
    buffer = schema.BufferT()
    buffer.data = data
    return buffer
