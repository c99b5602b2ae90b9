"""Do the calibration images suffice? Quantize again with others, and see what changes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn_train.quantize.graph import match, read_operators
from edgecnn_train.quantize.parity import answers
from edgecnn_train.quantize.ptq import to_int8
from edgecnn_train.splits import UNIT_RANGE, stratified

if TYPE_CHECKING:
    from edgecnn_train.splits import LabeledImages

# In points of top-1: what int8 may lose to its float twin anywhere.
ALLOWED_POINTS = 0.5


@dataclass(frozen=True, slots=True)
class CalibrationCheck:
    """Two int8 files of one network, calibrated on two sets that share no image.

    `scales` is how far each layer's output scale of the second is from the first's, as a share of it
    (0.02: 2 %); `agreement` is the share of `pictures` that both call the same; top-1 is 0 to 1.
    """

    first_count: int
    second_count: int
    pictures: int
    agreement: float
    first_top1: float
    second_top1: float
    scales: dict[str, float]

    @property
    def worst_layer(self) -> str:
        """The layer whose range depends most on the images."""
        return max(self.scales, key=lambda name: abs(self.scales[name]))

    @property
    def worst_scale(self) -> float:
        """How far that layer's scales are apart, as a share."""
        return abs(self.scales[self.worst_layer])

    @property
    def points(self) -> float:
        """How far both are apart in top-1, in points."""
        return abs(self.first_top1 - self.second_top1) * 100

    @property
    def suffices(self) -> bool:
        """Whether it makes no difference which of the two sets was used; one image is none."""
        return round(self.points, 2) <= max(ALLOWED_POINTS, round(100 / self.pictures, 2))

    @property
    def summary(self) -> str:
        """It in one line."""
        return (
            f"calibrated on {self.second_count} other images, int8 answers {self.agreement:.2%} the same, "
            f"top-1 {self.first_top1:.2%} and {self.second_top1:.2%}; scales differ by "
            f"{np.median(np.abs(list(self.scales.values()))):.1%} in the median and by "
            f"{self.worst_scale:.1%} at most ({self.worst_layer})"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return dataclasses.asdict(self) | {"suffices": self.suffices}


def second_subset(pool: LabeledImages, calibration: LabeledImages, seed: int) -> LabeledImages | None:
    """Draw as many other images of the split that calibration is of, stratified; None if none are left."""
    used = {item.id for item in calibration.items}
    left = np.array([i for i, item in enumerate(pool.items) if item.id not in used], np.int64)
    if not left.size:
        return None
    rng = np.random.default_rng([seed, 101])
    chosen = stratified(pool.labels[left], min(len(calibration), len(left)), rng)
    return pool.take(np.sort(left[chosen]))


def check_calibration(
    model: Any,
    first: LabeledImages,
    second: LabeledImages,
    test: LabeledImages,
    int8: bytes | None = None,
    value_range: tuple[float, float] = UNIT_RANGE,
    weight_bits: int = 8,
) -> CalibrationCheck:
    """Quantize a network with two calibration sets and compare their ranges and answers on `test`.

    `int8` is the file that was quantized with the first, where there is one already. `value_range` and
    `weight_bits` are `to_int8`'s.
    """
    files = (
        int8 or to_int8(model, first.images, value_range, weight_bits),
        to_int8(model, second.images, value_range, weight_bits),
    )
    named = [answers(content, test.images, value_range).argmax(axis=1) for content in files]
    pairs = match(*(read_operators(content) for content in files))
    return CalibrationCheck(
        first_count=len(first),
        second_count=len(second),
        pictures=len(test),
        agreement=float(np.mean(named[0] == named[1])),
        first_top1=float(np.mean(named[0] == test.labels)),
        second_top1=float(np.mean(named[1] == test.labels)),
        scales={a.name: b.output_scale / a.output_scale - 1 for a, b in pairs if a.output_scale > 0},
    )
