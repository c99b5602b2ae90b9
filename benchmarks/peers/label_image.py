"""LiteRT as its own sample uses it.

tensorflow/tensorflow, tensorflow/lite/examples/python/label_image.py: PIL's resize, `np.expand_dims`,
`set_tensor`, `invoke`, `np.squeeze`, `argsort`. It knows float and uint8, so that with its own resize the
int8 network gets uint8 in and out, which costs an operator at each end; with edgecnn's preprocessing it takes
the int8 network as it is. The sample opens its image with PIL; a camera's frame is BGR and becomes an RGB
image first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from benchmarks.peers.network import Opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from benchmarks.peers.network import Network


def open_network(network: Network) -> Opened:
    """Open it with LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    cv2.setNumThreads(1)
    return Opened("int8", *loops(network, Interpreter))


def loops(
    network: Network, maker: Callable[..., Any]
) -> tuple[
    Callable[[NDArray[np.uint8]], tuple[int, float]], Callable[[NDArray[np.uint8]], tuple[int, float]]
]:
    """Return the sample's loop with edgecnn's preprocessing, and as it is, on anyone's `Interpreter`."""
    preprocess = network.preprocessor("int8")
    int8, (uint8, shape) = _loop(network, maker, "int8")[0], _loop(network, maker, "uint8")

    def theirs(frame: NDArray[np.uint8]) -> tuple[int, float]:
        return uint8(np.expand_dims(pillow(frame, network), axis=0).reshape(shape))

    return lambda frame: int8(preprocess(frame)), theirs


def _loop(
    network: Network, maker: Callable[..., Any], dtype: str
) -> tuple[Callable[[NDArray[Any]], tuple[int, float]], Any]:
    """Return what the sample does with a tensor, and the tensor's shape."""
    interpreter = maker(model_path=network.file(f"{dtype}.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    image, scores = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    lowest = int(np.iinfo(dtype).min)

    def labelled(tensor: NDArray[Any]) -> tuple[int, float]:
        interpreter.set_tensor(image["index"], tensor)
        interpreter.invoke()
        results = np.squeeze(interpreter.get_tensor(scores["index"]))
        top = results.argsort()[-5:][::-1]
        return int(top[0]), (int(results[top[0]]) - lowest) / 256

    return labelled, image["shape"]


def pillow(frame: NDArray[np.uint8], network: Network) -> Image.Image:
    """Return a BGR frame as an image of PIL's at the network's size; `resize` is bicubic by default."""
    conversion = cv2.COLOR_BGR2GRAY if network.gray else cv2.COLOR_BGR2RGB
    return Image.fromarray(cv2.cvtColor(frame, conversion)).resize(network.size)
