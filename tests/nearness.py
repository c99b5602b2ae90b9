"""A bundle with two outputs, whose answers a hand can work out: its embedding is the mean color of an image.

Its classes are red, green and blue, and their prototypes the three axes: the nearness of an image is the
cosine of its mean color, (R, G, B) from 0 to 1, and the nearest axis. For white that is 1/√3.
"""

import numpy as np

from edgecnn.bundle.bundle import bundle_in
from edgecnn.bundle.input_spec import InputSpec
from edgecnn.bundle.manifest.writing import with_golden, with_sections
from edgecnn.bundle.owned_files import seal
from edgecnn.bundle.writer import write_models
from edgecnn.classify import golden
from edgecnn.classify.loader import load
from edgecnn.learning.append import Taught, append_head
from edgecnn.learning.head import Head
from edgecnn.learning.trunk import TrunkFile
from edgecnn.tflite.builder import GraphBuilder, Quantization, mean_options
from edgecnn.tflite.file import read_tflite

LABELS = ("red", "green", "blue")
SIDE = 8
THRESHOLD = 0.8
WHITE = 3**-0.5


def color(red, green, blue):
    """Return an image of one color, BGR as arrays are; each part is 0 to 255."""
    return np.full((SIDE, SIDE, 3), (blue, green, red), np.uint8)


def network(*, int8):
    """Return the `.tflite` that learning appends to the mean of all pixels."""
    build = GraphBuilder(int8=int8)
    dtype = "int8" if int8 else "float32"
    pixels = Quantization(np.array([1 / 255], np.float32), np.array([-128], np.int64)) if int8 else None
    image = build.tensor("image", (1, SIDE, SIDE, 3), dtype, pixels)
    axes = build.constant("axes", np.array([1, 2], np.int32))
    mean = build.tensor("embedding", (1, 3), dtype, pixels)
    build.operator("MEAN", [image, axes], mean, mean_options())
    file = read_tflite(build.finish([image], [mean], "the mean color"), "mean")
    head = Head(8 * np.eye(3, dtype=np.float32), np.zeros(3, np.float32))
    taught = Taught(head, np.eye(3, dtype=np.float32), (0.0, 8.0))
    return append_head(TrunkFile(file, file.output_places[0]), taught, "colors")


def color_bundle(parent, *, variant=THRESHOLD, output="nearness", **sections):
    """Write the bundle below a folder and return its own; `variant` is each variant's threshold."""
    folder = parent / "colors"
    folder.mkdir()
    files = {"int8": network(int8=True), "float32": network(int8=False)}
    spec = InputSpec(SIDE, SIDE, "rgb", "stretch", "halved", (0.0, 1.0))
    manifest = write_models(folder, "colors", "Colors", LABELS, spec, files)
    entry = {"temperature": 1.0, "threshold": 0.0} | ({} if variant is None else {"nearness": variant})
    unknown = {"background": None} | ({} if output is None else {"nearness": output})
    table = {"variants": dict.fromkeys(files, entry), "unknown": unknown}
    manifest = with_sections(manifest, output="probabilities", confidence=table, **sections)
    if output == "nearness":
        classifiers = {name: load(bundle_in(folder, manifest), name) for name in files}
        manifest = with_golden(manifest, golden.record(classifiers))
        for classifier in classifiers.values():
            classifier.close()
    seal(folder, manifest)
    return folder
