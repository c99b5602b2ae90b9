"""Your own image classifier, quantized to int8, live on a small computer.

>>> import edgecnn, cv2
>>> with edgecnn.load("digits") as classifier:
...     print(classifier.classify(cv2.imread("seven.jpg"))[0])  # doctest: +SKIP

The names below are imported when they are first used, so that `import edgecnn` costs nothing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from edgecnn.defaults import DEFAULT_MODEL as DEFAULT_MODEL
from edgecnn.defaults import MAX_MEGAPIXELS, VERSION

if TYPE_CHECKING:
    from edgecnn.bundle.bundle import Bundle, list_bundles
    from edgecnn.camera import open_camera
    from edgecnn.classify.classifier import Classifier
    from edgecnn.classify.loader import load
    from edgecnn.errors import EdgeCnnError
    from edgecnn.evaluation.evaluate import evaluate
    from edgecnn.frame import Frame, Prediction, Result, Timings

# OpenCV reads this once, when it is imported.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_MEGAPIXELS * 1_000_000))

__version__ = VERSION
__all__ = [
    "Bundle",
    "Classifier",
    "EdgeCnnError",
    "Frame",
    "Prediction",
    "Result",
    "Timings",
    "evaluate",
    "list_bundles",
    "load",
    "open_camera",
    "train",
]

_HOMES = {
    "Bundle": "edgecnn.bundle.bundle",
    "Classifier": "edgecnn.classify.classifier",
    "EdgeCnnError": "edgecnn.errors",
    "Frame": "edgecnn.frame",
    "Prediction": "edgecnn.frame",
    "Result": "edgecnn.frame",
    "Timings": "edgecnn.frame",
    "evaluate": "edgecnn.evaluation.evaluate",
    "list_bundles": "edgecnn.bundle.bundle",
    "load": "edgecnn.classify.loader",
    "open_camera": "edgecnn.camera",
    # By name alone: the runtime never imports the trainer, which says what it lacks without its extra.
    "train": "edgecnn_train.training",
}


def __dir__() -> list[str]:
    return [*__all__, "DEFAULT_MODEL", "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'edgecnn' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
