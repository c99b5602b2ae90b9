"""int8 weights that use fewer of their 256 steps, for processors that add products of bytes in 16 bits.

Without VNNI, x86 multiplies unsigned bytes with signed ones and adds two products in 16 bits, which saturate
(the instruction PMADDUBSW). An activation of up to 255 times two weights of up to 127 does not fit, two of up
to 63 do: 2 × 255 × 63 = 32,130. ONNX Runtime calls that `reduce_range`, Intel's NNCF its overflow fix.

What the coarser steps shift a layer's mean by is subtracted from its bias (Nagel et al. 2019,
arXiv:1906.04721, section 4.2, with means of calibration images). The logits of `waste` are then as close to
its float twin's as with weights of 8 bits; without that, their error is twice as large.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.errors import RecipeError
from edgecnn.tflite.writer import pack_model, unpack_model
from edgecnn_train.quantize.compact import WEIGHTED, operator_name
from edgecnn_train.quantize.graph import LayerOperator, match, open_whole, read_operators, run_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

# For means, more images change nothing.
_IMAGES = 100


def most_steps(bits: int) -> int:
    """Return the largest magnitude of a weight of so many bits: 127 of 8, 63 of 7."""
    return (1 << (bits - 1)) - 1


def narrow_weights(int8: bytes, float32: bytes, bits: int, images: NDArray[np.float32]) -> bytes:
    """Return a full-int8 `.tflite` whose weights are rounded to so many bits; they are stored in 8.

    Parameters
    ----------
    int8
        The network, quantized with weights of 8 bits.
    float32
        The same network in float, whose weights are rounded: twice rounded ones would lose more.
    bits
        How many, up to 8.
    images
        Calibration images as the float network takes them, N×H×W×C; the first hundred are used.

    Raises
    ------
    RecipeError
        Names the layer whose weights the float network does not have.
    """
    twins = read_operators(float32)
    real = {mine.output: theirs for mine, theirs in match(read_operators(int8), twins)}
    means = _means(float32, [twin for twin in twins if twin.kernel is not None], images[:_IMAGES])
    most = most_steps(bits)
    model = unpack_model(int8)
    graph = model.subgraphs[0]
    for step in graph.operators:
        if operator_name(model, step) not in WEIGHTED:
            continue
        twin = real.get(int(step.outputs[0]))
        kernel = graph.tensors[step.inputs[1]]
        if twin is None or twin.kernel is None:
            name = kernel.name.decode("utf-8", "replace")
            raise RecipeError(
                f"quantize.weight_bits can't be {bits}: {name} has no twin in the float network"
            )
        wider = np.asarray(kernel.quantization.scale, np.float64) * (most_steps(8) / most)
        kernel.quantization.scale = scale = wider.astype(np.float32)
        shape = [1] * twin.kernel.ndim
        shape[kernel.quantization.quantizedDimension if scale.size > 1 else 0] = scale.size
        along = scale.astype(np.float64).reshape(shape)
        steps = _store(model, kernel, twin.kernel / along, np.int8, most)
        if twin.bias is None or len(step.inputs) < 3 or step.inputs[2] < 0:
            continue
        bias = graph.tensors[step.inputs[2]]
        bias.quantization.scale = scale * np.float32(graph.tensors[step.inputs[0]].quantization.scale[0])
        corrected = twin.bias + _shift(twin, twin.kernel - steps * along, means[twin.input])
        limit = np.iinfo(np.int32).max
        _store(model, bias, corrected / bias.quantization.scale.astype(np.float64), np.int32, limit)
    return pack_model(model)


def _means(
    float32: bytes, weighted: list[LayerOperator], images: NDArray[np.float32]
) -> dict[int, NDArray[np.float64]]:
    """Return the mean of each channel of the weighted layers' inputs, by the tensor's place."""
    interpreter = open_whole(float32)
    sums: dict[int, NDArray[np.float64]] = {}
    for image in images:
        run_image(interpreter, image)
        for place in {operator.input for operator in weighted}:
            values = interpreter.get_tensor(place).astype(np.float64)
            sums[place] = sums.get(place, 0) + values.reshape(-1, values.shape[-1]).mean(axis=0)
    return {place: total / len(images) for place, total in sums.items()}


def _shift(twin: LayerOperator, error: NDArray[np.float64], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what errors of the weights take from the mean of each output channel."""
    shift: NDArray[np.float64]
    if twin.kind == "DEPTHWISE_CONV_2D":
        shift = error.sum(axis=(0, 1, 2))
        shift *= np.repeat(mean, len(shift) // len(mean))
    else:
        shift = error.reshape(len(error), -1, error.shape[-1]).sum(axis=1) @ mean
    return shift


def _store(
    model: Any, tensor: Any, steps: NDArray[np.float64], dtype: type, most: int
) -> NDArray[np.float64]:
    """Round values to whole steps, store them as a constant, and return them."""
    values = np.clip(np.round(steps), -most, most)
    stored = values.astype(np.dtype(dtype).newbyteorder("<")).tobytes()
    model.buffers[tensor.buffer].data = np.frombuffer(stored, np.uint8)
    return values
