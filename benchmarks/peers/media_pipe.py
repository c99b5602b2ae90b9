"""MediaPipe Tasks' ImageClassifier.

It takes float32 and uint8 networks, so that the int8 one has uint8 in and out, an operator more at each end,
and resizes the whole image on its own
(https://ai.google.dev/edge/mediapipe/solutions/vision/image_classifier/python). With edgecnn's preprocessing
it gets an image that has the network's size already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import mediapipe
from mediapipe.tasks.python import BaseOptions
from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions

from benchmarks.peers.network import Opened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.peers.network import Network


def open_network(network: Network) -> Opened:
    """Open what `edgecnn models export --io uint8` writes."""
    cv2.setNumThreads(1)
    options = ImageClassifierOptions(
        base_options=BaseOptions(model_asset_path=network.file("uint8.tflite")), max_results=1
    )
    classifier = ImageClassifier.create_from_options(options)
    preprocess = network.preprocessor("uint8")

    def labelled(pixels: NDArray[np.uint8]) -> tuple[int, float]:
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
        found = classifier.classify(image).classifications[0].categories[0]
        return found.index, found.score

    def theirs(frame: NDArray[np.uint8]) -> tuple[int, float]:
        return labelled(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))  # type: ignore[arg-type]

    return Opened("int8", lambda frame: labelled(preprocess(frame)[0]), theirs)  # type: ignore[arg-type]
