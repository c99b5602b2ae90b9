"""OpenVINO: int8 by NNCF's quantization after training.

The resize is that of openvinotoolkit/openvino, samples/python/hello_classification/hello_classification.py:
in the graph, by `PrePostProcessor`, linear, from the whole image as uint8 NHWC. With edgecnn's
preprocessing the graph takes uint8 NHWC at the network's size; both make real numbers and NCHW of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import openvino as ov
from openvino.preprocess import ColorFormat, PrePostProcessor, ResizeAlgorithm

from benchmarks.peers.network import Opened, best

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.peers.network import Network

OPTIONS = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}


def open_network(network: Network) -> Opened:
    """Quantize it where that has not been done, and open it twice: with and without the resize."""
    cv2.setNumThreads(1)
    path = network.made("int8.xml", quantize)
    preprocess = network.preprocessor("uint8")
    width, height = network.size
    small = compiled(path, (1, height, width, 1 if network.gray else 3))
    large = compiled(path, (1, 480, 640, 3), network)

    def ours(frame: NDArray[np.uint8]) -> tuple[int, float]:
        return infer(small, preprocess(frame))

    return Opened("int8", ours, lambda frame: infer(large, frame[None]))


def compiled(path: Path, shape: tuple[int, ...], resized_for: Network | None = None) -> Any:
    """Compile the network for uint8 NHWC of that shape, BGR where it is resized; return an infer request."""
    core = ov.Core()
    prepare = PrePostProcessor(core.read_model(path))
    image = prepare.input()
    image.tensor().set_shape(shape).set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    if resized_for is not None:
        image.tensor().set_color_format(ColorFormat.BGR)
        image.preprocess().convert_color(ColorFormat.GRAY if resized_for.gray else ColorFormat.RGB)
        image.preprocess().resize(ResizeAlgorithm.RESIZE_LINEAR)
    image.preprocess().convert_element_type(ov.Type.f32).scale(255.0)
    image.model().set_layout(ov.Layout("NCHW"))
    prepare.output().tensor().set_element_type(ov.Type.f32)
    return core.compile_model(prepare.build(), "CPU", OPTIONS).create_infer_request()


def infer(request: Any, tensor: NDArray[Any]) -> tuple[int, float]:
    """Classify without copying the image in or the scores out."""
    results = request.infer({0: tensor}, share_inputs=True, share_outputs=True)
    return best(results[0])


def quantize(network: Network, target: Path) -> None:
    """Quantize after training, with NNCF's defaults."""
    import nncf

    model = ov.Core().read_model(network.file("float32.onnx"))
    images = [image[None] for image in network.calibration("nchw")]
    quantized = nncf.quantize(model, nncf.Dataset(images), subset_size=len(images))
    ov.save_model(quantized, target, compress_to_fp16=False)
