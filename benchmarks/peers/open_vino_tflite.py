"""OpenVINO's own reading of the network's int8 `.tflite`, as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import openvino as ov

from benchmarks.peers.network import Opened
from benchmarks.peers.open_vino import OPTIONS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.peers.network import Network


def open_network(network: Network) -> Opened:
    """Compile the file that LiteRT runs."""
    cv2.setNumThreads(1)
    preprocess = network.preprocessor("int8")
    core = ov.Core()
    request = core.compile_model(network.file("int8.tflite"), "CPU", OPTIONS).create_infer_request()

    def ours(frame: NDArray[np.uint8]) -> tuple[int, float]:
        scores = request.infer({0: preprocess(frame)}, share_inputs=True, share_outputs=True)[0].reshape(-1)
        index = int(scores.argmax())
        return index, (int(scores[index]) + 128) / 256

    return Opened("int8", ours)
