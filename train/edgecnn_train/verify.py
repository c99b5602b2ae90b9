"""Measures a trained pair of models, int8 and float, through the runtime that users run."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.errors import GateError
from edgecnn.evaluation.result import score

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from edgecnn.classify.classifier import Classifier
    from edgecnn_train.splits import Dataset

# A seed that no training uses; every frame shows another digit.
SYNTHETIC_SPEC = "synthetic:seed=2026,fps=0,hold=1"
ALLOWED_DROP = 1.0
# A network that is right at most this many times as often as chance has learned nothing.
GUESSING = 1.5
# Of fewer test images, each counts more than a point.
_FEW = 100


@dataclass(frozen=True, slots=True)
class Verified:
    """How int8 compares with float on the same test images.

    Shares are 0 to 1. `confusion` counts int8's answers: a row for each true class, a column for each
    predicted one. `synthetic` is int8's top-1 on frames of the synthetic camera, if the recipe wants it;
    `wrong` are the places in the test split that int8 misclassifies; `others` has the top-1 of further
    variants.
    """

    pictures: int
    float_top1: float
    int8_top1: float
    agreement: float
    float_tensors: tuple[str, ...]
    confusion: NDArray[np.int64]
    synthetic: float | None
    wrong: tuple[int, ...] = ()
    others: dict[str, float] = field(default_factory=dict)

    @property
    def drop(self) -> float:
        """How many points of top-1 int8 lost."""
        return (self.float_top1 - self.int8_top1) * 100


def verify(data: Dataset, variants: Mapping[str, Classifier], synthetic_frames: int = 0) -> Verified:
    """Run all variants, int8 and float32 among them, over the test split, read again from its source."""
    truth = data.test.labels
    least = variants["int8"].least_side
    images = (data.source.read(item, least) for item in data.test.items)
    answers = np.array([[_best(c, image) for c in variants.values()] for image in images])
    named = dict(zip(variants, answers.T, strict=True))
    scores = {name: score(truth, answer, data.labels) for name, answer in named.items()}
    int8 = variants["int8"]
    return Verified(
        pictures=len(truth),
        float_top1=scores["float32"].top1,
        int8_top1=scores["int8"].top1,
        agreement=float(np.mean(named["int8"] == named["float32"])),
        float_tensors=int8.model.file.float_tensors,
        confusion=scores["int8"].confusion,
        synthetic=on_synthetic(int8, synthetic_frames),
        wrong=tuple(np.flatnonzero(named["int8"] != truth).tolist()),
        others={k: v.top1 for k, v in scores.items() if k not in ("int8", "float32")},
    )


def on_synthetic(classifier: Classifier, frames: int) -> float | None:
    """Return a model's top-1 on so many frames of the synthetic camera; None for no frames."""
    if not frames:
        return None
    with SyntheticCamera(SYNTHETIC_SPEC) as camera:
        drawn = (camera.draw(i) for i in range(frames))
        return float(np.mean([classifier.classify(f, 1)[0].label == label for f, label in drawn]))


def together(results: Sequence[Verified]) -> Verified:
    """Combine the results of several networks, each on test images of its own."""
    counts = [r.pictures for r in results]

    def mean(values: Iterable[float]) -> float:
        return float(np.average(list(values), weights=counts))

    return Verified(
        pictures=sum(counts),
        float_top1=mean(r.float_top1 for r in results),
        int8_top1=mean(r.int8_top1 for r in results),
        agreement=mean(r.agreement for r in results),
        float_tensors=tuple(sorted({name for r in results for name in r.float_tensors})),
        confusion=sum((r.confusion for r in results[1:]), results[0].confusion),
        synthetic=None,
        others={name: mean(r.others[name] for r in results) for name in results[0].others},
    )


def lost(result: Verified) -> str:
    """Return how int8's top-1 differs from float's, in words."""
    return f"{'loses' if result.drop >= 0 else 'gains'} {abs(result.drop):.2f} points"


def gate(result: Verified, allowed_drop: float = ALLOWED_DROP, agreement: float = 0.0) -> None:
    """Raise GateError unless int8 is whole, at most `allowed_drop` points below float, and agrees with it.

    `agreement` is the least share of images to which both give the same answer. One image may always differ
    and be lost: of 40 test images it is 2.5 points. Where more differ, so may as many as chance explains: the
    square root of their number.
    """
    if result.float_tensors:
        raise GateError(
            f"the int8 model is not all integer: {len(result.float_tensors)} tensors are float, "
            f"such as {result.float_tensors[0]}"
        )
    # Two decimals, the precision in which the value is shown and typed.
    lost = round(result.drop * result.pictures / 100)
    differing = round((1 - result.agreement) * result.pictures)
    by_chance = 0 < lost <= max(1.0, math.sqrt(differing))
    if not by_chance and round(result.drop, 2) > allowed_drop:
        raise GateError(
            f"not published: {_own_faults(result)}int8 is {result.drop:.2f} points below float "
            f"({lost} of {result.pictures:,} test images), "
            f"{allowed_drop:g} are allowed; more training or calibration images "
            f"(--set quantize.calibration=N) may help, or accept it with --allow-drop {result.drop:.2f}"
        )
    if differing > 1 and round(result.agreement, 4) < agreement:
        raise GateError(
            f"not published: {_own_faults(result)}int8 and float give the same answer for "
            f"{result.agreement:.2%} of {result.pictures:,} test images, expected {agreement:.2%}; "
            "more calibration images or --set quantize.method=qat may help, or accept it with "
            "--set verify.agreement=SHARE"
        )


def _own_faults(result: Verified) -> str:
    """Return what is wrong apart from quantization: a network that learned nothing, or few test images."""
    classes = len(result.confusion)
    if result.float_top1 <= GUESSING / classes:
        return (
            f"the float network itself is hardly better than guessing ({result.float_top1:.1%} right, "
            f"{classes} classes): train for more epochs (`--epochs`), or with more images; in addition, "
        )
    if result.pictures < _FEW:
        return (
            f"{result.pictures:,} test images are few, each is {1 / result.pictures:.1%} of them: "
            "bring more images, or train for more epochs (`--epochs`); "
        )
    return ""


def _best(classifier: Classifier, image: NDArray[np.uint8]) -> int:
    return classifier.classify(image, 1)[0].index
