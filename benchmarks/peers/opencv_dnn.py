"""OpenCV's own networks, in whichever form and engine they are fastest on this machine.

The resize is that of opencv/opencv, samples/dnn/classification.py: `blobFromImage` from the whole image.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from benchmarks.peers.choice import fastest
from benchmarks.peers.network import Opened, best
from benchmarks.peers.onnx_runtime import quantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.peers.network import Network


def open_network(network: Network) -> Opened:
    """Open float32, and int8 as ONNX Runtime quantizes it, in both engines, and take the fastest."""
    cv2.setNumThreads(1)
    int8 = str(network.made("int8.onnx", quantize))
    engines = {"classic": cv2.dnn.ENGINE_CLASSIC, "new": cv2.dnn.ENGINE_NEW}
    tensor = network.calibration("nchw")[:1]
    nets: dict[str, Any] = {}
    notes = []
    for precision, path in (("float32", network.file("float32.onnx")), ("int8", int8)):
        for engine, number in engines.items():
            try:
                net = cv2.dnn.readNetFromONNX(path, engine=number)
                _forward(net, tensor)
                nets[f"{precision}, {engine} engine"] = net
            except cv2.error as error:
                reason = str(error).split("error: ")[-1].strip().splitlines()[0]
                notes.append(f"{precision} does not run in its {engine} engine: {reason}")
    name, others = fastest({name: partial(_forward, net, tensor) for name, net in nets.items()})
    net = nets[name]
    preprocess = network.preprocessor("float32", "nchw")

    def theirs(frame: NDArray[np.uint8]) -> tuple[int, float]:
        image = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) if network.gray else frame
        blob = cv2.dnn.blobFromImage(image, 1 / 255, network.size, swapRB=not network.gray, crop=False)
        return best(_forward(net, blob))

    return Opened(name, lambda frame: best(_forward(net, preprocess(frame))), theirs, notes=(*notes, *others))


def _forward(net: Any, tensor: Any) -> NDArray[np.float32]:
    net.setInput(tensor)
    return np.asarray(net.forward())
