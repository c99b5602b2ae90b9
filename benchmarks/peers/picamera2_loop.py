"""LiteRT as picamera2's sample uses it.

raspberrypi/picamera2, examples/tensorflow/real_time.py: an interpreter for every frame, `cv2.cvtColor`,
`cv2.resize` (linear by default), `np.expand_dims`, `set_tensor`, `invoke`. The sample finds things, gives
four threads and takes a grey frame; here it classifies BGR ones with one thread. With edgecnn's preprocessing
it takes the int8 network as it is, with its own resize uint8 in and out, which costs an operator at each end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from benchmarks.peers.network import Opened, best

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.peers.network import Network


def open_network(network: Network) -> Opened:
    """Open nothing yet: each frame opens it."""
    cv2.setNumThreads(1)
    preprocess = network.preprocessor("int8")
    conversion = cv2.COLOR_BGR2GRAY if network.gray else cv2.COLOR_BGR2RGB

    def labelled(tensor: NDArray[Any], dtype: str) -> tuple[int, float]:
        interpreter: Any = Interpreter(model_path=network.file(f"{dtype}.tflite"), num_threads=1)
        interpreter.allocate_tensors()
        image, scores = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        interpreter.set_tensor(image["index"], tensor.reshape(image["shape"]))
        interpreter.invoke()
        index, score = best(interpreter.get_tensor(scores["index"]))
        return index, (score - int(np.iinfo(dtype).min)) / 256

    def theirs(frame: NDArray[np.uint8]) -> tuple[int, float]:
        pixels = cv2.resize(cv2.cvtColor(frame, conversion), network.size)
        return labelled(np.expand_dims(pixels, axis=0), "uint8")

    return Opened("int8", lambda frame: labelled(preprocess(frame), "int8"), theirs)
