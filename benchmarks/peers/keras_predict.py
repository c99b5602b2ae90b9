"""`keras.Model.predict`, float32, as it is often called for one image.

The resize is that of Keras' guides (keras.io/api/applications): `keras.utils.load_img(path, target_size=…)`
and `img_to_array`, which is PIL's nearest-neighbour `resize`; a camera's frame becomes an RGB image first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks.peers.network import Opened, best

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.peers.network import Network


def open_network(network: Network) -> Opened:
    """Load the network that the others were converted from."""
    cv2.setNumThreads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = keras.saving.load_model(network.file("network.keras"), compile=False)
    preprocess = network.preprocessor("float32")
    conversion = cv2.COLOR_BGR2GRAY if network.gray else cv2.COLOR_BGR2RGB

    def theirs(frame: NDArray[np.uint8]) -> tuple[int, float]:
        image = Image.fromarray(cv2.cvtColor(frame, conversion))
        pixels = keras.utils.img_to_array(image.resize(network.size, Image.Resampling.NEAREST)) / 255
        return best(model.predict(np.expand_dims(pixels, axis=0), verbose=0))

    return Opened("float32", lambda frame: best(model.predict(preprocess(frame), verbose=0)), theirs)
