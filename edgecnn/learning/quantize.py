"""Quantizes a float `.tflite` to int8: LiteRT measures the ranges, and the arithmetic is here.

The scheme is TensorFlow Lite's quantization specification: activations asymmetric with one scale, weights
symmetric with a scale for each output channel (one for all of a dense layer), biases int32 with the product
of both scales. B. Jacob et al., CVPR 2018 (arXiv:1712.05877).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.errors import ModelError
from edgecnn.tflite.file import read_tflite
from edgecnn.tflite.quant import int8_affine
from edgecnn.tflite.writer import float32_constant, pack_model, unpack_model

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from edgecnn.tflite.file import TfliteFile

Ranges = dict[int, tuple[float, float]]
# By operator: the axis of its weights that has a scale of its own for each index, None for one scale for all;
# the version of its int8 kernel.
_WEIGHTED: dict[str, tuple[int | None, int]] = {
    "CONV_2D": (0, 3),
    "DEPTHWISE_CONV_2D": (3, 3),
    "FULLY_CONNECTED": (None, 4),
}
_OTHERS = {"ADD": 2, "MEAN": 2, "SOFTMAX": 2, "AVERAGE_POOL_2D": 2, "RESHAPE": 1, "PAD": 1}
# These read and write with the same scale.
_SAME_SCALE = ("RESHAPE", "PAD", "AVERAGE_POOL_2D")
_SOFTMAX_SCALE, _SOFTMAX_ZERO = 1 / 256, -128
_LEAST_SCALE = 1e-9


def quantize(model: bytes, images: Iterable[NDArray[np.float32]], value_range: tuple[float, float]) -> bytes:
    """Return a float network as int8, with int8 input and output.

    Parameters
    ----------
    model
        A float `.tflite` of one input and one output.
    images
        Inputs for the calibration, float32 with the shape of the input: the range of each activation is the
        one that they reach.
    value_range
        The values of pixels 0 and 255: the range of the input, so that a pixel becomes its int8 value by one
        XOR.

    Raises
    ------
    ModelError
        For an operator whose quantization is not known here.
    """
    model = _separated(model)
    file = read_tflite(model, "the network")
    _require_known(file)
    ranges = measure_ranges(model, images) | dict.fromkeys(file.input_places, value_range)
    graph = unpack_model(model)
    tensors = graph.subgraphs[0].tensors
    for op in file.graph:
        if op.name in _SAME_SCALE:
            ranges[op.outputs[0]] = ranges[op.inputs[0]]
    for place, bounds in ranges.items():
        _set_quantization(tensors[place], *int8_affine(*bounds))
    for op in file.graph:
        if op.name == "SOFTMAX":
            _set_quantization(tensors[op.outputs[0]], _SOFTMAX_SCALE, _SOFTMAX_ZERO)
        if op.name in _WEIGHTED:
            _quantize_weights(graph, op.inputs, _WEIGHTED[op.name][0])
    for code, name in zip(graph.operatorCodes, _names(graph, file), strict=True):
        code.version = max(code.version, _WEIGHTED[name][1] if name in _WEIGHTED else _OTHERS[name])
    return pack_model(graph)


def _separated(model: bytes) -> bytes:
    """Return a network in which no operators share weights or biases: their scales will differ."""
    graph = unpack_model(model)
    main, used, changed = graph.subgraphs[0], set[int](), False
    for step, op in zip(main.operators, read_tflite(model, "the network").graph, strict=True):
        for slot, place in enumerate(step.inputs if op.name in _WEIGHTED else ()):
            tensor = main.tensors[place]
            if slot == 0 or place < 0 or tensor.buffer == 0:
                continue
            if tensor.buffer in used:
                changed = True
                step.inputs = np.array(step.inputs)  # the file's own can't be written
                step.inputs[slot], tensor = len(main.tensors), copy.copy(tensor)
                main.tensors.append(tensor)
                graph.buffers.append(copy.copy(graph.buffers[tensor.buffer]))
                tensor.buffer = len(graph.buffers) - 1
            used.add(tensor.buffer)
    return pack_model(graph) if changed else model


def _require_known(file: TfliteFile) -> None:
    if unknown := sorted({op.name for op in file.graph} - {*_WEIGHTED, *_OTHERS}):
        raise ModelError(f"the network can't be quantized: {', '.join(unknown)} is not known here")
    for op in file.graph:
        for place in op.inputs[:1] if op.name in _WEIGHTED else op.inputs:
            tensor = file.tensors[place]
            if tensor.constant and tensor.dtype == "float32":
                found = f"{tensor.name} is a float32 constant that {op.name} reads"
                raise ModelError(f"the network can't be quantized: {found}")


def measure_ranges(model: bytes, images: Iterable[NDArray[np.float32]]) -> Ranges:
    """Return the lowest and highest value of each computed float tensor, by its place in the graph."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=model, experimental_preserve_all_tensors=True,
        # XNNPACK would compute several operators in one, and leave the tensors between them empty.
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )  # fmt: skip
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]["index"]
    file = read_tflite(model, "the network")
    places = [k for k, t in enumerate(file.tensors) if t.dtype == "float32" and not t.constant]
    ranges: Ranges = {}
    for image in images:
        interpreter.set_tensor(entry, image)
        interpreter.invoke()
        for place in places:
            values = interpreter.get_tensor(place)
            if not np.isfinite(values).all():
                name = file.tensors[place].name
                raise ModelError(f"the network can't be quantized: {name} becomes NaN or infinity")
            low, high = ranges.get(place, (0.0, 0.0))
            ranges[place] = min(low, float(values.min())), max(high, float(values.max()))
    if not ranges:
        raise ModelError("there are no images for the calibration: expected one or more")
    return ranges


def _set_quantization(tensor: Any, scale: float, zero_point: int) -> None:
    _describe(tensor, np.array([scale], np.float32), np.array([zero_point], np.int64), 0, "INT8")


def _describe(
    tensor: Any, scale: NDArray[np.float32], zero: NDArray[np.int64], axis: int, dtype: str
) -> None:
    from ai_edge_litert import schema_py_generated as schema

    tensor.type = getattr(schema.TensorType, dtype)
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = scale, zero
    tensor.quantization.quantizedDimension = axis


def _quantize_weights(graph: Any, inputs: tuple[int, ...], axis: int | None) -> None:
    """Quantize an operator's weights and bias in place."""
    tensors = graph.subgraphs[0].tensors
    source, weights, *bias = (tensors[k] for k in inputs)
    values = float32_constant(graph, weights)
    others = tuple(k for k in range(values.ndim) if k != axis)
    largest = np.abs(values).max(axis=others if axis is not None else None, keepdims=True)
    scale = np.maximum(largest / 127, _LEAST_SCALE).astype(np.float32)
    steps = np.clip(np.rint(values / scale), -127, 127).astype(np.int8)
    flat = scale.reshape(-1)
    _store(graph, weights, steps)
    _describe(weights, flat, np.zeros(len(flat), np.int64), axis or 0, "INT8")
    for tensor in bias:
        product = flat.astype(np.float64) * float(source.quantization.scale[0])
        limits = np.iinfo(np.int32)
        steps32 = np.clip(np.rint(float32_constant(graph, tensor) / product), limits.min, limits.max)
        _store(graph, tensor, steps32.astype(np.int32))
        _describe(tensor, product.astype(np.float32), np.zeros(len(flat), np.int64), 0, "INT32")


def _store(graph: Any, tensor: Any, values: NDArray[Any]) -> None:
    graph.buffers[tensor.buffer].data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)


def _names(graph: Any, file: Any) -> list[str]:
    """Return the operators' names in the order of the graph's codes."""
    steps = graph.subgraphs[0].operators
    by_code = {step.opcodeIndex: op.name for step, op in zip(steps, file.graph, strict=True)}
    return [by_code[k] for k in range(len(graph.operatorCodes))]
