"""Your own image classifier, quantized to int8, live on a small computer.

    import edgecnn

Classify an image; a path, a PIL image or an array:

>>> with edgecnn.load("digits") as classifier:
...     best = classifier.classify("seven.png", top=1)[0]
>>> best.label
'7'

Classify what a camera sees, until it ends or a limit is reached:

>>> with edgecnn.open_camera("synthetic:fps=0") as camera, edgecnn.load("digits") as classifier:
...     summary = edgecnn.run(classifier, camera, frames=30)
>>> summary.frames
30

Measure a model on labelled images:

>>> found = edgecnn.evaluate("digits", "photos")
>>> found.variants["int8"].top1 > 0.5
True

What to call:

load            open a model: a bundle by its name or folder, or a .tflite file
list_bundles    the bundles that are installed
open_camera     open a camera, a video, a folder of images or an address
run             classify a camera's frames in a loop, and feed sinks
alive           the same as an asynchronous iterator, for asyncio
evaluate        accuracy, clean and corrupted
learn           a bundle from a few photos of each class, in seconds
train           a bundle from a folder of photos (needs the extra `train`)
Teacher         teach a classifier by photos and frames while it answers

What comes back:

Classifier      an open model: `classify`, `classify_frame`, `knows`, `smoother`
Prediction      one class: its label, index and score
Result          a classified frame: `label`, `predictions`, `timings`, and the smoothed `steady`
Frame           an image of a source: `pixels`, when it was captured, its true label if known
Timings         the milliseconds of each stage
Steady          the smoothed answer of a stream
Stats, Summary  the counts and latencies of a run, while it runs and at its end
Learned         a model that was learned: its bundle, accuracy and learning curve
Bundle          a model on disk: its labels, variants and measured accuracy
EdgeCnnError    the base of all errors, each with one clear line

What to inherit, to add your own (docs/extending.md):

Camera          gives frames; it is opened with a source and a `Mode`: `register_camera`
Engine          runs a model, a `ModelData`: `register_engine`
Sink            shows, keeps or sends results: `register_sink`
CommandSource   gives the loop each `Command` of `edgecnn.live.command`, such as Quit and Pause

Each name is imported when it is first used, so that `import edgecnn` costs nothing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from edgecnn.defaults import DEFAULT_MODEL as DEFAULT_MODEL
from edgecnn.defaults import MAX_MEGAPIXELS, VERSION

if TYPE_CHECKING:
    from edgecnn.bundle.bundle import Bundle, list_bundles
    from edgecnn.camera import Camera, Mode, open_camera, register_camera
    from edgecnn.classify.classifier import Classifier
    from edgecnn.classify.loader import load
    from edgecnn.engine import Engine, ModelData, register_engine
    from edgecnn.errors import EdgeCnnError
    from edgecnn.evaluation.evaluate import evaluate
    from edgecnn.frame import Frame, Prediction, Result, Steady, Timings
    from edgecnn.learning.learn import learn
    from edgecnn.learning.session import Learned
    from edgecnn.live.alive import alive
    from edgecnn.live.command import Command, CommandSource
    from edgecnn.live.loop import run
    from edgecnn.live.sink import Sink
    from edgecnn.live.sink.table import register_sink
    from edgecnn.live.stats import Stats, Summary
    from edgecnn.teaching.teacher import Teacher

# OpenCV reads this once, when it is imported.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_MEGAPIXELS * 1_000_000))

__version__ = VERSION
__all__ = [
    "Bundle",
    "Camera",
    "Classifier",
    "Command",
    "CommandSource",
    "EdgeCnnError",
    "Engine",
    "Frame",
    "Learned",
    "Mode",
    "ModelData",
    "Prediction",
    "Result",
    "Sink",
    "Stats",
    "Steady",
    "Summary",
    "Teacher",
    "Timings",
    "alive",
    "evaluate",
    "learn",
    "list_bundles",
    "load",
    "open_camera",
    "register_camera",
    "register_engine",
    "register_sink",
    "run",
    "train",
]

_HOMES = {
    "Bundle": "edgecnn.bundle.bundle",
    "Camera": "edgecnn.camera",
    "Classifier": "edgecnn.classify.classifier",
    "Command": "edgecnn.live.command",
    "CommandSource": "edgecnn.live.command",
    "EdgeCnnError": "edgecnn.errors",
    "Engine": "edgecnn.engine",
    "Frame": "edgecnn.frame",
    "Learned": "edgecnn.learning.session",
    "Mode": "edgecnn.camera",
    "ModelData": "edgecnn.engine",
    "Prediction": "edgecnn.frame",
    "Result": "edgecnn.frame",
    "Sink": "edgecnn.live.sink",
    "Stats": "edgecnn.live.stats",
    "Steady": "edgecnn.frame",
    "Summary": "edgecnn.live.stats",
    "Teacher": "edgecnn.teaching.teacher",
    "Timings": "edgecnn.frame",
    "alive": "edgecnn.live.alive",
    "evaluate": "edgecnn.evaluation.evaluate",
    "learn": "edgecnn.learning.learn",
    "list_bundles": "edgecnn.bundle.bundle",
    "load": "edgecnn.classify.loader",
    "open_camera": "edgecnn.camera",
    "register_camera": "edgecnn.camera",
    "register_engine": "edgecnn.engine",
    "register_sink": "edgecnn.live.sink.table",
    "run": "edgecnn.live.loop",
    # By name alone: the runtime never imports the trainer, which says what it lacks without its extra.
    "train": "edgecnn_train.training",
}


def __dir__() -> list[str]:
    return [*__all__, "DEFAULT_MODEL", "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'edgecnn' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
