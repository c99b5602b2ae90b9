"""The int8 peak: the most multiplications a second that LiteRT reaches on matrix products.

The models are built here: one operator each, large enough that only the product counts, and small enough for
a processor's cache. No real network reaches the peak: its layers are smaller, and some only move data.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.errors import EngineError
from edgecnn.io.quiet import quiet_stderr

if TYPE_CHECKING:
    from numpy.typing import NDArray

MEASURE_S = 0.2
_WARM_UP = 3
_INPUT_SCALE, _WEIGHT_SCALE = 1 / 256, 1 / 128


@dataclass(frozen=True, slots=True)
class Product:
    """A convolution over rows×rows positions, or, where `kernel` is 0, a dense layer over `rows` rows."""

    rows: int
    kernel: int
    channels: int
    outputs: int

    @property
    def macs(self) -> int:
        """Its number of multiplications."""
        if not self.kernel:
            return self.rows * self.channels * self.outputs
        return self.rows**2 * self.kernel**2 * self.channels * self.outputs

    def __str__(self) -> str:
        if not self.kernel:
            return f"a dense layer, {self.rows}×{self.channels} by {self.channels}×{self.outputs}"
        return (
            f"a {self.kernel}×{self.kernel} convolution, {self.rows}×{self.rows}×{self.channels} "
            f"to {self.outputs} channels"
        )


# Shapes on which the kernels are fastest; which shape is best depends on the processor.
PRODUCTS = (
    Product(128, 0, 1024, 1024),
    Product(384, 0, 384, 384),
    Product(28, 1, 256, 256),
    Product(14, 3, 256, 256),
)


@dataclass(frozen=True, slots=True)
class Peak:
    """The peak with so many threads, in int8 multiplications a second, and the product that reached it."""

    threads: int
    macs_per_second: float
    product: Product

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "threads": self.threads,
            "int8_macs_per_second": round(self.macs_per_second),
            "reached_on": str(self.product),
        }


def measure_peak(threads: int) -> Peak:
    """Return the peak over all `PRODUCTS`, from the fastest run of each; takes a second.

    Raises EngineError where LiteRT is missing or refuses the model.
    """
    found = [(p.macs / _fastest(p, threads), p) for p in PRODUCTS]
    speed, product = max(found, key=lambda pair: pair[0])
    return Peak(threads, speed, product)


def _fastest(product: Product, threads: int) -> float:
    """Return the time of the fastest run in seconds."""
    rng = np.random.default_rng(0)
    kernel = max(product.kernel, 1)
    weights = rng.integers(-127, 128, (product.outputs, kernel, kernel, product.channels), np.int8)
    interpreter = open_product(build(product, weights), threads)
    details = interpreter.get_input_details()[0]
    interpreter.set_tensor(details["index"], rng.integers(-128, 128, details["shape"], np.int8))
    for _ in range(_WARM_UP):
        interpreter.invoke()
    took: list[float] = []
    end = time.perf_counter() + MEASURE_S
    while not took or time.perf_counter() < end:
        start = time.perf_counter()
        interpreter.invoke()
        took.append(time.perf_counter() - start)
    return min(took)


def open_product(model: bytes, threads: int) -> Any:
    """Return LiteRT's interpreter with allocated tensors. Raises EngineError."""
    try:
        from ai_edge_litert.interpreter import Interpreter

        with quiet_stderr():
            interpreter = Interpreter(model_content=model, num_threads=threads)
            interpreter.allocate_tensors()
    except (ImportError, ValueError, RuntimeError) as error:
        raise EngineError(f"the peak can't be measured with LiteRT: {error}") from error
    return interpreter


def build(product: Product, weights: NDArray[np.int8]) -> bytes:
    """Return a `.tflite` file with one operator.

    Its input is int8 of scale 1/256, its weights of 1/128, and its output of `output_scale`, all with zero
    point 0; the bias is zero.

    Parameters
    ----------
    weights
        int8 (outputs, kernel, kernel, channels).
    """
    from ai_edge_litert import schema_py_generated as schema

    from edgecnn.tflite.writer import pack_model

    dense = not product.kernel
    shapes: list[tuple[int, ...]]
    if dense:
        shapes = [(product.rows, product.channels), (product.rows, product.outputs)]
        weights = weights.reshape(product.outputs, product.channels)
    else:
        shapes = [(1, product.rows, product.rows, n) for n in (product.channels, product.outputs)]
    bias = np.zeros(product.outputs, np.int32)
    tensors = [
        _tensor(b"input", shapes[0], "INT8", _INPUT_SCALE, 0),
        _tensor(b"weights", weights.shape, "INT8", _WEIGHT_SCALE, 1),
        _tensor(b"bias", bias.shape, "INT32", _INPUT_SCALE * _WEIGHT_SCALE, 2),
        _tensor(b"output", shapes[1], "INT8", output_scale(product), 0),
    ]
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = np.array([0, 1, 2], np.int32), np.array([3], np.int32)
    code = schema.OperatorCodeT()
    if dense:
        kind, number = "FullyConnectedOptions", schema.BuiltinOperator.FULLY_CONNECTED
        operator.builtinOptions = schema.FullyConnectedOptionsT()
    else:
        kind, number = "Conv2DOptions", schema.BuiltinOperator.CONV_2D
        operator.builtinOptions = schema.Conv2DOptionsT()
        operator.builtinOptions.strideW = operator.builtinOptions.strideH = 1
        operator.builtinOptions.dilationWFactor = operator.builtinOptions.dilationHFactor = 1
    operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
    code.builtinCode, code.deprecatedBuiltinCode, code.version = number, number, 4 if dense else 3
    graph = schema.SubGraphT()
    graph.tensors, graph.operators = tensors, [operator]
    graph.inputs, graph.outputs = np.array([0], np.int32), np.array([3], np.int32)
    model = schema.ModelT()
    model.version, model.subgraphs, model.operatorCodes = 3, [graph], [code]
    model.buffers = [_buffer(data) for data in (b"", weights.tobytes(), bias.tobytes())]
    return pack_model(model)


def output_scale(product: Product) -> float:
    """Return the output's scale with which products of random numbers fill int8's range."""
    summed = max(product.kernel, 1) ** 2 * product.channels
    # A uniform int8 has a deviation of 74; int8 holds three deviations of the sum of their products.
    return 74**2 * math.sqrt(summed) * _INPUT_SCALE * _WEIGHT_SCALE * 3 / 127


def _tensor(name: bytes, shape: tuple[int, ...], dtype: str, scale: float, buffer: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = name, np.array(shape, np.int32), buffer
    tensor.type = getattr(schema.TensorType, dtype)
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale = np.array([scale], np.float32)
    tensor.quantization.zeroPoint = np.array([0], np.int64)
    return tensor


def _buffer(data: bytes) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    buffer = schema.BufferT()
    if data:
        buffer.data = np.frombuffer(data, np.uint8)
    return buffer
