"""Golden vectors: generated inputs with the outputs that a model gave when it was published.

They show a changed kernel or a damaged installation without any image of a dataset.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.bundle.manifest import COUNT, PATTERN, Golden
from edgecnn.errors import BundleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.bundle.bundle import Model
    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn.classify.classifier import Classifier
    from edgecnn.engine import Engine

# Kernels of different processors round differently, by one step each for value and sum.
INT8_TOLERANCE = 2 / 256
FLOAT_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class GoldenCheck:
    """The largest difference from the recorded outputs, and whether all of them agree."""

    largest_difference: float
    agrees: bool


def golden_images(height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """Return the eight images, uint8 8×H×W×C: random blocks, finer in each image than in the last one.

    Integer arithmetic alone (the SplitMix64 generator, Steele et al. 2014), so that every machine and every
    version of numpy makes the same ones.
    """
    images = np.empty((COUNT, height, width, channels), np.uint8)
    y, x, c = np.ogrid[:height, :width, :channels]
    for k in range(COUNT):
        block = max(1, min(height, width) >> (1 + k // 2))
        cell = ((y // block).astype(np.uint64) << np.uint64(20)) + (
            (x // block).astype(np.uint64) << np.uint64(4)
        )
        z = cell + c.astype(np.uint64) + (np.uint64(k + 1) << np.uint64(44))
        z = z * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        images[k] = ((z ^ (z >> np.uint64(31))) >> np.uint64(56)).astype(np.uint8)
    return images


def golden_inputs(spec: InputSpec) -> NDArray[np.uint8]:
    """Return the eight images as a model's input takes them, uint8 8×H×W×C, grey or BGR."""
    images = golden_images(spec.height, spec.width, 1 if spec.color == "gray" else 3)
    # They are defined as RGB; images are passed on as BGR.
    return images if spec.color == "gray" else np.ascontiguousarray(images[..., ::-1])


def record(classifiers: dict[str, Classifier]) -> Golden:
    """Return what the variants of one model answer to the eight images."""
    images = _images(next(iter(classifiers.values())))
    outputs = {
        name: tuple(tuple(round(p, 6) for p in c.probabilities(image).tolist()) for image in images)
        for name, c in classifiers.items()
    }
    return Golden(*_identity(images), outputs)


def try_outputs(model: Model, engine: Engine) -> NDArray[np.float32]:
    """Return the real values that a model gives for the eight images, shape (8, values)."""
    from edgecnn.image.preprocess import Preprocessor
    from edgecnn.tflite.quant import dequantize

    prepare, output = Preprocessor(model.input, model.file.inputs[0]), model.file.outputs[0]
    rows = []
    for image in golden_inputs(model.input):
        values = engine.invoke(prepare(image)).reshape(-1)
        rows.append(
            values.copy()
            if output.dtype == "float32"
            else dequantize(values, output.scale, output.zero_point)
        )
    return np.stack(rows)


def check(classifier: Classifier) -> GoldenCheck:
    """Compare a bundle's variant with its recorded outputs.

    They agree within two steps of the int8 output, with the same best class unless two are tied. Raises
    BundleError where the bundle has none, AnswerError where the model answers NaN or infinity.
    """
    model = classifier.model
    golden = model.bundle.golden if model.bundle else None
    images = _images(classifier)
    if golden is None or model.variant not in golden.outputs or _identity(images) != golden[:2]:
        raise BundleError(
            f"{model.name} has no golden vectors for {model.variant} that this version can check"
        )
    tolerance = FLOAT_TOLERANCE if model.variant == "float32" else INT8_TOLERANCE
    largest, agrees = 0.0, True
    for image, expected in zip(images, golden.outputs[model.variant], strict=True):
        scores = classifier.probabilities(image).tolist()
        largest = max([largest, *(abs(a - b) for a, b in zip(scores, expected, strict=True))])
        best = max(range(len(scores)), key=scores.__getitem__)
        agrees = agrees and expected[best] >= max(expected) - tolerance
    return GoldenCheck(largest, agrees and largest <= tolerance + 1e-6)


def _images(classifier: Classifier) -> NDArray[np.uint8]:
    return golden_inputs(classifier.model.input)


def _identity(images: NDArray[np.uint8]) -> tuple[str, str]:
    """Return the `inputs` and `inputs_sha256` of the manifest."""
    return PATTERN, hashlib.sha256(images.tobytes()).hexdigest()
