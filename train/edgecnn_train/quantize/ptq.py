"""Float Keras model → TFLite: float32, float16, dynamic range, and int8 by post-training quantization."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from edgecnn.errors import OutputError
from edgecnn.io.quiet import quiet_stderr
from edgecnn_train.batches import scaled
from edgecnn_train.quantize.narrow import narrow_weights
from edgecnn_train.splits import UNIT_RANGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray


# What makes a file all integer, int8 in and out.
INT8: dict[str, Any] = {
    "optimizations": [tf.lite.Optimize.DEFAULT],
    "inference_input_type": tf.int8,
    "inference_output_type": tf.int8,
    "target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
}


def to_float32(model: Any) -> bytes:
    """Return the network as TFLite, unquantized, with a static batch of one."""
    return export(model)


def to_int8(
    model: Any,
    calibration: NDArray[np.uint8],
    value_range: tuple[float, float] = UNIT_RANGE,
    weight_bits: int = 8,
) -> bytes:
    """Return the network in full int8: int8 in and out, weights per channel.

    Parameters
    ----------
    calibration
        Images of the training split, uint8 N×H×W×C; activation ranges come from them. Two pixels of a
        copy of the first one are set to 0 and 255: the input's scale is then exactly the range's 255th, and
        a pixel becomes its int8 by flipping one bit.
    value_range
        What pixels 0 and 255 become.
    weight_bits
        How many bits the weights use, up to 8; see `narrow`.
    """
    images = calibration.copy()
    images[0].flat[0], images[0].flat[1] = 0, 255

    def representative() -> Iterator[list[NDArray[np.float32]]]:
        for image in images:
            yield [scaled(image[None], value_range)]

    content = export(model, representative_dataset=representative, **INT8)
    if weight_bits == 8:
        return content
    return narrow_weights(content, to_float32(model), weight_bits, scaled(calibration, value_range))


def to_float16(model: Any) -> bytes:
    """Return the network with its weights in float16: half of float32's size, computed in float32."""
    return export(
        model, optimizations=[tf.lite.Optimize.DEFAULT], target_spec={"supported_types": [tf.float16]}
    )


def to_dynamic_range(model: Any) -> bytes:
    """Return the network with int8 weights; activations are float, and rounded as it runs.

    It needs no calibration images. Weights of small layers stay float32 (the converter's own rule: below
    1,024 values).
    """
    return export(model, optimizations=[tf.lite.Optimize.DEFAULT])


def export(model: Any, **options: Any) -> bytes:
    """Convert with these options of the TFLite converter, with a static batch of one."""
    shape = (1, *model.input_shape[1:])
    with _temporary_folder() as folder, warnings.catch_warnings():
        # tf.lite announces its move to LiteRT on every use; Keras has no other route yet.
        warnings.simplefilter("ignore")
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        path = folder / "model.tflite"
        with quiet_stderr():
            model.export(
                path,
                format="litert",
                verbose=False,
                input_signature=[keras.InputSpec(shape=shape, dtype="float32", name="image")],
                **options,
            )
        return path.read_bytes()


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    except (OSError, tf.errors.OpError) as error:  # TensorFlow writes there too, and has errors of its own
        where = tempfile.gettempdir()
        reason = getattr(error, "strerror", None) or getattr(error, "message", None) or error
        raise OutputError(f"{where} can't be written ({reason}): set TMPDIR") from error
