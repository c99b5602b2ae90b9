"""Measures a trained pair of models, int8 and float, through the runtime that users run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.evaluation.verified import GateAdvice, compare_answers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from edgecnn.classify.classifier import Classifier
    from edgecnn.evaluation.verified import Verified
    from edgecnn_train.splits import Dataset

# A seed that no training uses; every frame shows another digit.
SYNTHETIC_SPEC = "synthetic:seed=2026,fps=0,hold=1"
# The advice of the gate: options of `edgecnn train`, keys of a recipe.
ADVICE = GateAdvice(
    guessing="train for more epochs (`--epochs`), or with more images",
    few="bring more images, or train for more epochs (`--epochs`)",
    drop="more training or calibration images (--set quantize.calibration=N) may help",
    agreement="more calibration images or --set quantize.method=qat may help, or accept it with "
    "--set verify.agreement=SHARE",
)


def verify(data: Dataset, variants: Mapping[str, Classifier], synthetic_frames: int = 0) -> Verified:
    """Run all variants, int8 and float32 among them, over the test split, read again from its source."""
    int8 = variants["int8"]
    images = (data.source.read(item, int8.least_side) for item in data.test.items)
    answers = np.array([[_best(c, image) for c in variants.values()] for image in images])
    return compare_answers(
        data.test.labels,
        dict(zip(variants, answers.T, strict=True)),
        data.labels,
        int8.model.file.float_tensors,
        on_synthetic(int8, synthetic_frames),
    )


def on_synthetic(classifier: Classifier, frames: int) -> float | None:
    """Return a model's top-1 on so many frames of the synthetic camera; None for no frames."""
    if not frames:
        return None
    with SyntheticCamera(SYNTHETIC_SPEC) as camera:
        drawn = (camera.draw(i) for i in range(frames))
        return float(np.mean([classifier.classify(f, 1)[0].label == label for f, label in drawn]))


def _best(classifier: Classifier, image: NDArray[np.uint8]) -> int:
    return classifier.classify(image, 1)[0].index
