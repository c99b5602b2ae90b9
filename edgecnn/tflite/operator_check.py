"""Checks single operators of a `.tflite`, of the kinds that image classifiers have.

LiteRT divides by strides, allocates by shapes and uses scales without checking them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.errors import ModelError
from edgecnn.tflite.flatbuffer import read_schema

if TYPE_CHECKING:
    from edgecnn.tflite.flatbuffer import Flatbuffer

OPTIONS_SCHEMA = read_schema("""
table Empty { }
table Conv2DOptions { padding:byte; stride_w:int; stride_h:int; activation:byte; dilation_w:int = 1;
  dilation_h:int = 1; }
table DepthwiseConv2DOptions { padding:byte; stride_w:int; stride_h:int; multiplier:int; activation:byte;
  dilation_w:int = 1; dilation_h:int = 1; }
table Pool2DOptions { padding:byte; stride_w:int; stride_h:int; filter_w:int; filter_h:int; activation:byte; }
table FullyConnectedOptions { activation:byte; weights_format:byte; keep_num_dims:bool; }
table SoftmaxOptions { beta:float; }
table ConcatenationOptions { axis:int; activation:byte; }
table CountOptions { count:int; }
table ActivationOptions { activation:byte; }
""")
# The quantized types, and the range of their values.
LEVELS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}

# The number of an operator's options in the schema, and the name of their table.
_OPTIONS = {
    "CONV_2D": (1, "Conv2DOptions"),
    "DEPTHWISE_CONV_2D": (2, "DepthwiseConv2DOptions"),
    "AVERAGE_POOL_2D": (5, "Pool2DOptions"),
    "MAX_POOL_2D": (5, "Pool2DOptions"),
    "L2_POOL_2D": (5, "Pool2DOptions"),
    "FULLY_CONNECTED": (8, "FullyConnectedOptions"),
    "SOFTMAX": (9, "SoftmaxOptions"),
    "CONCATENATION": (10, "ConcatenationOptions"),
    "ADD": (11, "ActivationOptions"),
    "MUL": (21, "ActivationOptions"),
    "SUB": (28, "ActivationOptions"),
    "DIV": (29, "ActivationOptions"),
    "SPLIT": (35, "CountOptions"),
    "UNPACK": (64, "CountOptions"),
    "SPLIT_V": (79, "CountOptions"),
}
# If these are missing, LiteRT assumes zeros, and divides by them.
_NEEDED = ("Conv2DOptions", "DepthwiseConv2DOptions", "Pool2DOptions", "SoftmaxOptions", "CountOptions")
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D")
_ELEMENTWISE = ("ADD", "SUB", "MUL", "DIV")
# The number of inputs that LiteRT reads without counting them first.
_FEWEST_INPUTS = (
    dict.fromkeys((*_CONVOLUTIONS, *_ELEMENTWISE, "FULLY_CONNECTED", "SPLIT", "BATCH_MATMUL", "PAD",
                   "MIRROR_PAD", "GATHER", "TRANSPOSE", "MEAN", "TILE", "EXPAND_DIMS", "PRELU", "MAXIMUM",
                   "MINIMUM", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "BROADCAST_TO",
                   "ASSIGN_VARIABLE"), 2)
    | dict.fromkeys(("SLICE", "SPLIT_V", "PADV2", "TRANSPOSE_CONV", "SELECT_V2"), 3)
    | {"STRIDED_SLICE": 4}
)  # fmt: skip
# The first optional input. Other operators have none, except those with a state.
_OPTIONAL_FROM = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3,
                  "CONV_3D": 2, "CONV_3D_TRANSPOSE": 3}  # fmt: skip
_WITH_STATE = ("LSTM", "RNN", "SVDF", "CUSTOM", "STABLEHLO", "CALL", "IF", "WHILE")
# Operators whose second input, a constant, sets the size of the output.
_SIZED = ("PAD", "PADV2", "MIRROR_PAD", "TILE", "BROADCAST_TO", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
# Operators that compute with quantized numbers by their scales.
_SCALED = (*_CONVOLUTIONS, *_POOLS, *_ELEMENTWISE, "FULLY_CONNECTED", "SOFTMAX", "LOGISTIC", "CONCATENATION",
           "MEAN", "RELU", "RELU6", "TANH", "HARD_SWISH", "LEAKY_RELU", "PRELU", "LOG_SOFTMAX")  # fmt: skip
MOST_STRIDE, MOST_FILTER, MOST_STEPS, MOST_BETA = 256, 1024, 1 << 16, 1e6
# Eight pairs of int64.
MOST_SIZES_BYTES = 128


def wrong(where: str, got: object, expected: str) -> ModelError:
    """Return the error for an impossible value."""
    return ModelError(f"{where} has {got}, expected {expected}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _check_left_out(operator: Any, where: str) -> None:
    if -1 not in operator.inputs or any(part in operator.code for part in _WITH_STATE):
        return
    first = operator.inputs.index(-1)
    if first < _OPTIONAL_FROM.get(operator.code, len(operator.inputs)):
        raise wrong(where, f"no input {first}", "only a bias left out")


def check_operator(
    operator: Any, where: str, inputs: list[Any], outputs: list[Any], file: Flatbuffer
) -> None:
    """Check one operator.

    Parameters
    ----------
    operator, inputs, outputs
        Its table and those of its tensors, None for a missing input, with the fields that `read_checked`
        adds.
    where
        Its name in messages.
    file
        The flatbuffer that has its options.

    Raises
    ------
    ModelError
        If LiteRT must not run it.
    """
    code = operator.code
    _check_left_out(operator, where)
    fewest = _FEWEST_INPUTS.get(code, 1 if code in _OPTIONS else 0)
    if len(inputs) < fewest or (code in _OPTIONS and not outputs):
        raise wrong(
            where,
            f"{_count(len(inputs), 'input')} and {_count(len(outputs), 'output')}",
            f"at least {fewest} and 1",
        )
    if code in _SCALED:
        _check_scaled([t for t in (*inputs[:2], *outputs) if t is not None], where)
    options = _options(operator, where, file)
    if code in _CONVOLUTIONS:
        _check_convolution(code, options, where, inputs, outputs[0])
    elif code in _POOLS:
        _check_pool(options, where, inputs[0], outputs[0])
    elif code == "FULLY_CONNECTED":
        _check_dense(where, inputs, outputs[0])
    elif code in _ELEMENTWISE:
        _check_broadcast(code, where, inputs, outputs[0])
    elif code in _SIZED:
        _check_sized(code, where, inputs, outputs)


def _is_open(*tensors: Any) -> bool:
    """Whether a dimension other than the batch is open, so that the shapes in the file are not final."""
    return any(-1 in tensor.shape_signature[1:] for tensor in tensors)


def _check_scaled(tensors: list[Any], where: str) -> None:
    for tensor in tensors:
        unscaled = tensor.quantization is None or not len(tensor.quantization.scale)
        if tensor.dtype in LEVELS and unscaled:
            raise ModelError(f"{where} works on {tensor.dtype}, but a tensor has no quantization scale")


def _options(operator: Any, where: str, file: Flatbuffer) -> Any:
    number, kind = _OPTIONS.get(operator.code, (operator.options_type, "Empty"))
    if operator.options_2 is not None:
        file.table("Empty", operator.options_2)
    left_out = operator.options_type == 0 or operator.options is None
    if operator.options_type not in (0, number) or (left_out and kind in _NEEDED):
        raise wrong(where, f"options of the kind {operator.options_type}", f"{number} ({kind})")
    if left_out:
        return None
    options = file.table(kind, operator.options)
    if not 0 <= getattr(options, "activation", 0) <= 5:
        raise wrong(where, f"the activation {options.activation}", "0 to 5")
    if not 0 < getattr(options, "beta", 1) < MOST_BETA:
        raise wrong(where, f"beta {options.beta}", "a number above 0")
    if getattr(options, "count", len(operator.outputs)) != len(operator.outputs):
        raise wrong(where, f"{len(operator.outputs)} outputs", f"{options.count}, as its options say")
    return options


def _pair(options: Any, where: str, name: str, most: int) -> tuple[int, int]:
    """Return the height and width of a size in the options, such as the stride."""
    height, width = getattr(options, f"{name}_h"), getattr(options, f"{name}_w")
    if not (1 <= height <= most and 1 <= width <= most):
        raise wrong(where, f"a {name} of {height}×{width}", f"1 to {most}")
    return height, width


def _check_window(
    options: Any, where: str, image: Any, window: tuple[int, ...], channels: int, output: Any
) -> None:
    """Check the output of a window that slides over an image; `window` is its height and width."""
    stride_h, stride_w = _pair(options, where, "stride", MOST_STRIDE)
    if options.padding not in (0, 1):
        raise wrong(where, f"the padding {options.padding}", "0 (same) or 1 (valid)")
    if _is_open(image, output):
        return
    expected = [image.shape[0], 0, 0, channels]
    for axis, stride, size in ((1, stride_h, window[0]), (2, stride_w, window[1])):
        room = image.shape[axis] - (size - 1 if options.padding else 0)
        expected[axis] = -(-room // stride)
    if min(expected) < 1 or list(output.shape) != expected:
        raise wrong(where, f"an output of {list(output.shape)}", f"{expected} for {list(image.shape)}")


def _check_convolution(code: str, options: Any, where: str, inputs: list[Any], output: Any) -> None:
    image, weights = inputs[:2]
    if (len(image.shape), len(weights.shape)) != (4, 4) or not all((*image.shape, *weights.shape)):
        raise wrong(where, f"{list(image.shape)} and weights {list(weights.shape)}", "four dimensions")
    dilation_h, dilation_w = _pair(options, where, "dilation", MOST_STRIDE)
    there, (first, height, width, last) = image.shape[3], weights.shape
    channels, fits = (first, there % last == 0 and first % max(1, there // last) == 0)
    if code == "DEPTHWISE_CONV_2D":
        channels, fits = last, first == 1 and last % there == 0
    if not fits:
        raise wrong(where, f"weights {list(weights.shape)}", f"such for {there} channels")
    _check_weights(where, inputs, channels, 0 if code == "CONV_2D" else 3)
    window = (height - 1) * dilation_h + 1, (width - 1) * dilation_w + 1
    _check_window(options, where, image, window, channels, output)


def _check_weights(where: str, inputs: list[Any], channels: int, axis: int) -> None:
    weights, bias = inputs[1], inputs[2] if len(inputs) > 2 else None
    if bias is not None and math.prod(bias.shape) != channels:
        raise wrong(where, f"a bias of {list(bias.shape)}", f"{channels} values")
    quantization = weights.quantization
    if quantization is not None and len(quantization.scale) > 1 and quantization.quantized_dimension != axis:
        raise wrong(where, f"scales along dimension {quantization.quantized_dimension}", f"along {axis}")


def _check_pool(options: Any, where: str, image: Any, output: Any) -> None:
    if len(image.shape) != 4:
        raise wrong(where, f"an input of {list(image.shape)}", "four dimensions")
    window = _pair(options, where, "filter", MOST_FILTER)
    _check_window(options, where, image, window, image.shape[3], output)


def _check_dense(where: str, inputs: list[Any], output: Any) -> None:
    values, weights = inputs[:2]
    if len(weights.shape) != 2 or not all(weights.shape) or math.prod(values.shape) % weights.shape[1]:
        raise wrong(where, f"weights {list(weights.shape)}", f"such for {list(values.shape)}")
    _check_weights(where, inputs, weights.shape[0], 0)
    expected = math.prod(values.shape) // weights.shape[1] * weights.shape[0]
    if math.prod(output.shape) != expected:
        raise wrong(where, f"an output of {list(output.shape)}", f"{expected:,} values")


def _check_broadcast(code: str, where: str, inputs: list[Any], output: Any) -> None:
    first, second = inputs[:2]
    try:
        expected = math.prod(np.broadcast_shapes(first.shape, second.shape))
    except ValueError:
        expected = -1
    if expected != math.prod(output.shape) and not _is_open(first, second, output):
        fits = f"what fits {list(first.shape)} and {list(second.shape)}"
        raise wrong(where, f"an output of {list(output.shape)}", fits)
    tensors = (first, second, output)
    if code in ("ADD", "SUB") and all(t.dtype in LEVELS for t in tensors):
        # LiteRT converts both to the output's scale with 20 spare bits, and aborts if these are too few.
        a, b, to = (float(t.quantization.scale[0]) for t in tensors)
        if max(a, b) / to > MOST_STEPS:
            raise wrong(where, f"scales of {max(a, b):g} and {to:g}", f"at most {MOST_STEPS:,} to 1")


def _check_sized(code: str, where: str, inputs: list[Any], outputs: list[Any]) -> None:
    image, sizes = inputs[:2]
    if (
        _is_open(image, *outputs)
        or sizes.values is None
        or sizes.dtype not in ("int32", "int64")
        or sizes.sparsity is not None
    ):
        return
    if len(sizes.values) > MOST_SIZES_BYTES:
        raise wrong(where, f"{len(sizes.values):,} bytes of sizes", f"at most {MOST_SIZES_BYTES}")
    values = np.frombuffer(sizes.values, sizes.dtype).tolist()
    if "PAD" in code:
        grown = zip(image.shape, values[::2], values[1::2], strict=False)
        expected = [n + before + behind for n, before, behind in grown]
    elif code == "TILE":
        expected = [n * times for n, times in zip(image.shape, values, strict=False)]
    elif code == "BROADCAST_TO":
        expected = values
    else:
        expected = [*image.shape[:1], *values, *image.shape[3:]]
    if not outputs or list(outputs[0].shape) != expected:
        written = [list(t.shape) for t in outputs]
        raise wrong(where, f"an output of {written}", f"{expected} by its input 1")
