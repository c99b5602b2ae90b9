"""Makes what is measured: four networks, each in every form that a peer may want. Needs the trainer.

    python -m benchmarks.peers.networks FOLDER NAME ONNX

ONNX is 1 to make `float32.onnx` too, which takes tf2onnx, else 0. A folder that is whole and up to date stays
as it is.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.peers import images as image_sets
from benchmarks.peers.network import Network
from edgecnn.bench import bench_frames
from edgecnn.bundle.bundle import open_model
from edgecnn.bundle.input_spec import Given, InputSpec
from edgecnn.classify.loader import load
from edgecnn.exchange.exporting import to_integers
from edgecnn.image.preprocess import Preprocessor

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Of the networks without training: the scores of their best class differ from image to image.
_LOGIT_DEVIATION = 3.0
# The shift of batch normalization, in deviations of its output, and the deviation of a residual branch.
_SHIFT, _BRANCH = 2.0, 0.3
# Classes that win.
_LIKELY = 10


@dataclass(frozen=True, slots=True)
class Source:
    """Where a network comes from: a shipped bundle, or a family of the trainer's with random weights.

    `data` names real images, to calibrate and to compare answers on, below $EDGECNN_DATA.
    """

    title: str
    data: str
    bundle: str | None = None
    family: str = ""
    width: float = 1.0
    side: int = 0
    classes: int = 10


SOURCES = {
    "digits": Source("`digits`, 28×28×1", "mnist", bundle="digits"),
    "cifar10": Source("`cifar10`, a residual network, 32×32×3", "cifar10", bundle="cifar10"),
    "mobilenet_v1": Source(
        "MobileNetV1 0.25, 96×96×3", "trashnet", family="mobilenet_v1", width=0.25, side=96
    ),
    "mobilenet_v2": Source(
        "MobileNetV2 1.0, 224×224×3", "trashnet", family="mobilenet_v2", side=224, classes=1000
    ),
}


def make(name: str, folder: Path, onnx: bool) -> None:
    """Fill a folder with a network, unless it holds this very one already."""
    source = SOURCES[name]
    key = _key(source)
    if (folder / "network.json").exists() and Network.read(folder).key == key:
        if onnx and not (folder / "float32.onnx").exists():
            _write_onnx(_keras(folder), folder / "float32.onnx")
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        _fill(name, source, work, key)
        if onnx:
            _write_onnx(_keras(work), work / "float32.onnx")
        shutil.rmtree(folder, ignore_errors=True)
        work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _key(source: Source) -> str:
    """Return what changes when the files have to be made again."""
    here = Path(__file__).parent
    digest = hashlib.sha256(json.dumps(asdict(source)).encode())
    for file in ("networks.py", "images.py", "network.py"):
        digest.update((here / file).read_bytes())
    if source.bundle:
        digest.update(open_model(source.bundle).data)
    digest.update(image_sets.to_compare(source.data)[1].encode())
    return digest.hexdigest()


def _fill(name: str, source: Source, folder: Path, key: str) -> None:
    real, compared_on = image_sets.to_compare(source.data)
    calibration, calibrated_on = image_sets.to_calibrate(source.data)
    if source.bundle:
        bundle = open_model(source.bundle).bundle
        assert bundle is not None  # noqa: S101 - for the type checker
        spec, labels = bundle.input, bundle.labels
        for file in ("int8.tflite", "float32.tflite", "network.keras"):
            shutil.copy(bundle.folder / file, folder / file)
        shrunk = _shrunk(spec, calibration)
    else:
        spec = InputSpec(source.side, source.side, "rgb", "crop", "halved", (0.0, 1.0))
        labels = tuple(f"class {i}" for i in range(source.classes))
        shrunk = _shrunk(spec, calibration)
        _write_random(source, spec, shrunk, folder)
    (folder / "labels.txt").write_text("\n".join(labels) + "\n", "utf-8")
    given = Given(folder / "labels.txt", (0.0, 1.0), "crop")
    int8 = open_model(folder / "int8.tflite", "int8", given)
    (folder / "uint8.tflite").write_bytes(to_integers(int8, "uint8"))
    frames = bench_frames()
    np.save(folder / "calibration.npy", shrunk)
    np.save(folder / "frames.npy", np.stack(frames))
    np.save(folder / "images.npy", np.stack([*frames, *real]))
    with load(folder / "float32.tflite", labels=given.labels, value_range=(0.0, 1.0), fit="crop") as model:
        reference = np.stack([model.probabilities(image) for image in (*frames, *real)])
    np.save(folder / "reference.npy", reference)
    Network(
        name=name,
        title=source.title,
        bundle=source.bundle,
        spec=spec._asdict(),
        classes=len(labels),
        macs=int8.file.macs,
        calibrated_on=calibrated_on,
        compared_on=f"the {len(frames)} frames and {compared_on}",
        key=key,
        folder=folder,
    ).write()


def _shrunk(spec: InputSpec, frames: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return frames at the network's size, uint8 N×H×W×C."""
    from edgecnn.tflite.file import Tensor

    channels = 1 if spec.color == "gray" else 3
    shape = (1, spec.height, spec.width, channels)
    # Exactly the pixels: 0 to 255 into uint8.
    plain = Preprocessor(
        spec._replace(value_range=(0.0, 1.0)), Tensor("image", shape, "uint8", 1 / 255, 0, 1)
    )
    return np.concatenate([plain(frame).copy() for frame in frames]).astype(np.uint8)


def _write_random(source: Source, spec: InputSpec, shrunk: NDArray[np.uint8], folder: Path) -> None:
    """Build a network of the trainer's with random weights, and quantize it as the trainer does."""
    import keras

    from edgecnn_train.models import build
    from edgecnn_train.quantize import compact, to_float32, to_int8
    from edgecnn_train.recipe import ModelSpec

    keras.utils.set_random_seed(0)
    model = build(ModelSpec(family=source.family, width=source.width), spec, source.classes)  # type: ignore[arg-type]
    _settle(model, shrunk[::2].astype(np.float32) / 255)
    model.save(folder / "network.keras")
    (folder / "float32.tflite").write_bytes(compact(to_float32(model)))
    (folder / "int8.tflite").write_bytes(compact(to_int8(model, shrunk)))


def _settle(model: Any, images: NDArray[np.float32]) -> None:
    """Give random weights the activations of a trained network, so that answers depend on the image.

    Deep random networks are chaotic: rounding, or another way to shrink the image, would decide their
    answers. So depthwise kernels are shifted towards a blur, residual branches weakened, and every batch
    normalization gets the mean and variance of these images, and before a ReLU a shift that keeps most
    values out of its zero. The last layer is scaled, and ten of its classes are likely.
    """
    import keras

    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            layer.set_weights([kernel + kernel.std() / 2 for kernel in layer.get_weights()])
    for norm in norms:
        if norm.name.endswith("project_bn"):
            norm.gamma.assign(np.full(norm.gamma.shape, _BRANCH, np.float32))
        else:
            norm.beta.assign(np.full(norm.beta.shape, _SHIFT, np.float32))
        norm.momentum = 0.0
    model({"image": images}, training=True)
    for norm in norms:
        norm.momentum = 0.9
    last = model.layers[-1]
    features = np.asarray(keras.Model(model.inputs, last.input)({"image": images}, training=False))
    kernel = np.asarray(last.get_weights()[0])
    kernel = kernel * (_LOGIT_DEVIATION / (features @ kernel).std(axis=0).mean())
    bias = -(features @ kernel).mean(axis=0)
    bias[_LIKELY:] -= 20
    last.set_weights([kernel, bias])


def _keras(folder: Path) -> Any:
    import keras

    return keras.saving.load_model(folder / "network.keras", compile=False)


def _write_onnx(model: Any, path: Path) -> None:
    """Convert with tf2onnx, which Keras' own export uses as well, but with channels first from the start.

    Batch normalization is folded before: behind a depthwise convolution tf2onnx leaves it as two operators,
    which would slow all who read the file.
    """
    import onnx
    import tensorflow as tf
    import tf2onnx

    from edgecnn_train.quantize import fold_batch_norm

    model = fold_batch_norm(model)
    signature = (tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="image"),)
    function = tf.function(lambda image: model(image, training=False), input_signature=signature)
    converted, _ = tf2onnx.convert.from_function(function, signature, opset=17, inputs_as_nchw=["image"])
    onnx.save(converted, path.with_suffix(".part"))
    path.with_suffix(".part").rename(path)


if __name__ == "__main__":
    make(sys.argv[2], Path(sys.argv[1]), sys.argv[3] == "1")
