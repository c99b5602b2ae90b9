"""edgecnn itself: the path that it ships, on the engine that `live` would choose here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

import edgecnn
from benchmarks.peers.network import Opened, best
from edgecnn.bundle.input_spec import Given
from edgecnn.classify.fastest import Way, find_fastest
from edgecnn.defaults import AUTO

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.peers.network import Network


def open_network(network: Network) -> Opened:
    """Load the bundle, or the bare file where there is none."""
    cv2.setNumThreads(1)
    model, given = network.bundle or network.file("int8.tflite"), Given()
    if not network.bundle:
        given = Given(labels=network.labels, fit="crop")
    found = find_fastest(model, AUTO, AUTO, 1, given)
    way = found.way if found else Way("int8", AUTO)
    classifier = edgecnn.load(model, way.variant, way.engine, labels=given.labels, fit=given.fit)

    def ours(frame: NDArray[np.uint8]) -> tuple[int, float]:
        found = classifier.classify(frame, 1)[0]
        return found.index, found.score

    def exact(frame: NDArray[np.uint8]) -> tuple[int, float]:
        # A bundle's scores are at its own temperature; the other runtimes give the network's.
        return best(classifier.probabilities(frame))

    return Opened(way.variant, ours, exact=exact, notes=(str(found),) if found else ())
