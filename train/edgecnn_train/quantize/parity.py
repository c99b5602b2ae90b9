"""Does the int8 file answer as the network that was trained? The guard of quantization-aware training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.bundle.bundle import Model
from edgecnn.bundle.input_spec import InputSpec
from edgecnn.engine import open_engine
from edgecnn.errors import GateError
from edgecnn.tflite.file import read_tflite
from edgecnn.tflite.quant import dequantize, pixel_table
from edgecnn_train.batches import scaled
from edgecnn_train.splits import UNIT_RANGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What a sound conversion reaches with room to spare: 99.7–100 %, and a fifth of a step in the mean.
LEAST_AGREEMENT = 0.99
MOST_STEPS = 1.0


@dataclass(frozen=True, slots=True)
class Parity:
    """How near an int8 file is to its Keras network on the same images.

    `agreement` is the share of images for which the file's best class is, for the network, the best too
    or at most one output step behind it. `mean_steps` and `most_steps` are the outputs' distance in steps
    of the file's output.
    """

    pictures: int
    agreement: float
    mean_steps: float
    most_steps: float
    input_scale: float
    input_zero_point: int
    float_tensors: int


def answers(
    content: bytes, images: NDArray[np.uint8], value_range: tuple[float, float] = UNIT_RANGE
) -> NDArray[np.float32]:
    """Run a `.tflite` on images (uint8 N×H×W×C) through edgecnn's engine; return real scores, N×classes."""
    file = read_tflite(content, "the converted model")
    height, width, channels = file.inputs[0].shape[1:]
    spec = InputSpec(width, height, "gray" if channels == 1 else "rgb", "stretch", "halved", value_range)
    image, scores = file.inputs[0], file.outputs[0]
    table = pixel_table(value_range, image.dtype, image.scale, image.zero_point)
    model = Model("the converted model", image.dtype, content, file, (), spec, None)
    with open_engine("auto", model) as engine:
        raw = np.stack([engine.invoke(table[image][None])[0].copy() for image in images])
    if scores.dtype == "float32":
        return raw.astype(np.float32)
    return dequantize(raw, scores.scale, scores.zero_point)


def measure_parity(
    network: Any,
    content: bytes,
    images: NDArray[np.uint8],
    value_range: tuple[float, float] = UNIT_RANGE,
) -> Parity:
    """Compare an int8 file with the (fake-quantized) Keras network that it was converted from.

    Parameters
    ----------
    images
        uint8 N×H×W×C; what pixels 0 and 255 become for the network is `value_range`.
    """
    file = read_tflite(content, "the converted model")
    expected = np.asarray(network.predict(scaled(images, value_range), batch_size=100, verbose=0))
    got = answers(content, images, value_range)
    # A file with float outputs is refused for its float tensors; its steps mean nothing.
    step = file.outputs[0].scale or 1 / 256
    rows = np.arange(len(images))
    behind = expected.max(axis=1) - expected[rows, got.argmax(axis=1)]
    distance = np.abs(got - expected) / step
    return Parity(
        pictures=len(images),
        agreement=float(np.mean(behind <= step)),
        mean_steps=float(distance.mean()),
        most_steps=float(distance.max()),
        input_scale=file.inputs[0].scale,
        input_zero_point=file.inputs[0].zero_point,
        float_tensors=len(file.float_tensors),
    )


def assert_parity(
    network: Any,
    content: bytes,
    images: NDArray[np.uint8],
    value_range: tuple[float, float] = UNIT_RANGE,
) -> Parity:
    """Return `measure_parity`, or raise GateError where the file is not what was trained.

    Also for a file that is not all integer, or whose input's scale and zero point are not exactly those with
    which a pixel becomes its int8 by one XOR.
    """
    parity = measure_parity(network, content, images, value_range)
    scale = np.float32((value_range[1] - value_range[0]) / 255)
    zero_point = round(-128 - value_range[0] / float(scale))
    reason = ""
    if parity.float_tensors:
        reason = f"{parity.float_tensors} of its tensors are float, expected none"
    elif parity.agreement < LEAST_AGREEMENT:
        reason = (
            f"it names the same class for {parity.agreement:.1%} of {parity.pictures:,} images, "
            f"expected {LEAST_AGREEMENT:.0%}; does a layer scale the numbers before the first convolution?"
        )
    elif parity.mean_steps > MOST_STEPS:
        reason = (
            f"its scores are {parity.mean_steps:.1f} output steps off in the mean, "
            f"expected at most {MOST_STEPS:g}"
        )
    elif (np.float32(parity.input_scale), parity.input_zero_point) != (scale, zero_point):
        reason = (
            f"its input has scale {parity.input_scale:.6g} and zero point {parity.input_zero_point}, "
            f"expected 1/{1 / scale:g} and {zero_point}"
        )
    if reason:
        raise GateError(f"the int8 file is not the network that was trained: {reason}")
    return parity
