"""tflite-runtime 2.14, LiteRT's predecessor, in the loop of the same sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

from benchmarks.peers.label_image import loops
from benchmarks.peers.network import Opened

if TYPE_CHECKING:
    from benchmarks.peers.network import Network


def open_network(network: Network) -> Opened:
    """Open it with one thread."""
    from tflite_runtime.interpreter import Interpreter

    cv2.setNumThreads(1)
    return Opened("int8", *loops(network, Interpreter))
