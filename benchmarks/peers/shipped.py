"""edgecnn itself: the path that it ships, through its public API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

import edgecnn
from benchmarks.peers.network import Opened, best

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.peers.network import Network


def open_network(network: Network) -> Opened:
    """Load the bundle, or the bare file where there is none."""
    cv2.setNumThreads(1)
    if network.bundle:
        classifier = edgecnn.load(network.bundle)
    else:
        classifier = edgecnn.load(network.file("int8.tflite"), labels=network.labels, fit="crop")

    def ours(frame: NDArray[np.uint8]) -> tuple[int, float]:
        found = classifier.classify(frame, 1)[0]
        return found.index, found.score

    def exact(frame: NDArray[np.uint8]) -> tuple[int, float]:
        # A bundle's scores are at its own temperature; the other runtimes give the network's.
        return best(classifier.probabilities(frame))

    return Opened("int8", ours, exact=exact)
