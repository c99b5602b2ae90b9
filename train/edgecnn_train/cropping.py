"""How much of images a center crop cuts off, and the alternatives. Without TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn_train.recipe import RecipeInput

# A crop of 4:3 photos to a square leaves out a quarter.
_WORTH_SAYING = 0.15
MUCH = 0.35


@dataclass(frozen=True, slots=True)
class Crop:
    """What a center crop leaves out of images, 0 to 1 of their area.

    `left_out` is the median, `cut` the share of the images that lose at least 15 %; `wide` is whether they
    lose the sides, or top and bottom.
    """

    left_out: float
    cut: float
    wide: bool

    def __str__(self) -> str:
        where = "left and right" if self.wide else "top and bottom"
        return (
            f"the center crop leaves out {self.left_out:.0%} of an image in the median ({where}), and "
            f"{_WORTH_SAYING:.0%} or more of {self.cut:.0%} of them"
        )

    @property
    def advice(self) -> str:
        """What to check, and what the other fits do."""
        return (
            "Check that the subject is in the middle (`edgecnn data preview`). --set input.fit=pad shows "
            f"all of an image, at {1 - self.left_out:.0%} of the size and between bars; "
            "--set input.fit=stretch shows all of it, squeezed."
        )


def cropped(
    heights: NDArray[np.integer[Any]], widths: NDArray[np.integer[Any]], spec: RecipeInput
) -> Crop | None:
    """Return what the recipe's crop leaves out; None for another fit, or where it is little.

    An input without a size yet is square.
    """
    if spec.fit != "crop" or not len(heights):
        return None
    ratios = widths / heights / (spec.width / spec.height if spec.height else 1.0)
    lost = 1 - np.minimum(ratios, 1 / ratios)
    median = float(np.median(lost))
    if median < _WORTH_SAYING:
        return None
    return Crop(median, float(np.mean(lost >= _WORTH_SAYING)), bool(np.median(ratios) > 1))
