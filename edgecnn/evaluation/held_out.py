"""A model's accuracy on images that it has not learned from, and whether another one is worse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from edgecnn.evaluation.interval import wilson

if TYPE_CHECKING:
    from edgecnn.bundle.bundle import Bundle


class HeldOut(NamedTuple):
    """An accuracy, 0 to 1, with its 95 % interval and the number of images that it was measured on."""

    accuracy: float
    low: float
    high: float
    images: int

    def __str__(self) -> str:
        interval = f"95% interval {self.low:.1%} to {self.high:.1%}"
        return f"{self.accuracy:.1%} of {self.images:,} images ({interval})"


def held_out(bundle: Bundle | None) -> HeldOut | None:
    """Return the measured accuracy of a bundle's default variant; None where its manifest has none.

    The interval is the manifest's, which counts near duplicates as one photo, else Wilson's.
    """
    if bundle is None:
        return None
    variant, images = bundle.variants.get(bundle.default_variant()), bundle.facts.test_pictures
    if variant is None or variant.accuracy is None or not images:
        return None
    accuracy = variant.accuracy
    low, high = bundle.facts.interval or (wilson(accuracy, images), 1 - wilson(1 - accuracy, images))
    return HeldOut(accuracy, min(low, accuracy), max(high, accuracy), images)


def difference_interval(new: HeldOut, old: HeldOut) -> tuple[float, float]:
    """Return the 95 % interval of `new` minus `old`, which were measured on images of their own.

    It is made of both intervals (Newcombe 1998, method 10), so it is not empty for accuracies of 100 %, as
    two standard errors would be.
    """
    difference = new.accuracy - old.accuracy
    below = math.hypot(new.accuracy - new.low, old.high - old.accuracy)
    above = math.hypot(new.high - new.accuracy, old.accuracy - old.low)
    return difference - below, difference + above


def is_worse(new: HeldOut, old: HeldOut) -> bool:
    """Whether an accuracy is lower than another one by more than chance explains."""
    return difference_interval(new, old)[1] < 0


def why_worse(new: Bundle | None, old: Bundle | None) -> str | None:
    """Return in words why a bundle is worse than another one; None if it is not, or one was not measured."""
    after, before = held_out(new), held_out(old)
    if new is None or old is None or after is None or before is None or not is_worse(after, before):
        return None
    classes = "" if new.labels == old.labels else "; their classes differ"
    return f"it is right on {after} that it has not learned from, the old one on {before}{classes}"
