"""ONNX Runtime: int8 as quantize-dequantize pairs around the operators (QDQ), by its own quantizer.

The resize is that of microsoft/onnxruntime-inference-examples,
quantization/image_classification/cpu/resnet50_data_reader.py: PIL's `resize`, float32, transpose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import onnxruntime as ort

from benchmarks.peers.label_image import pillow
from benchmarks.peers.network import Opened, best

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.peers.network import Network


def open_network(network: Network) -> Opened:
    """Quantize it where that has not been done, and open it."""
    cv2.setNumThreads(1)
    path = network.made("int8.onnx", quantize)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    preprocess = network.preprocessor("float32", "nchw")

    def labelled(tensor: NDArray[np.float32]) -> tuple[int, float]:
        return best(session.run(None, {name: tensor})[0])

    def theirs(frame: NDArray[np.uint8]) -> tuple[int, float]:
        pixels = np.float32(pillow(frame, network)) / np.float32(255)
        nhwc = np.expand_dims(pixels, axis=0).reshape(1, *pixels.shape[:2], -1)
        return labelled(np.ascontiguousarray(nhwc.transpose(0, 3, 1, 2)))

    return Opened("int8", lambda frame: labelled(preprocess(frame)), theirs)


def quantize(network: Network, target: Path) -> None:
    """Quantize after training: unsigned activations, signed weights per channel.

    That is what its guide advises for x86-64 (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class CalibrationImages(CalibrationDataReader):
        def __init__(self) -> None:
            self._left = iter(network.calibration("nchw"))

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            image = next(self._left, None)
            return None if image is None else {"image": image[None]}

    prepared = target.with_name("prepared.onnx")
    quant_pre_process(network.file("float32.onnx"), prepared)
    quantize_static(
        prepared,
        target,
        CalibrationImages(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
