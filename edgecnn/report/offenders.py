"""The misclassified test images with the highest scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2

from edgecnn.report.blocks import Gallery, Photo, ReportSection

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.classify.classifier import Classifier
    from edgecnn.dataset import Item, Source

MOST = 25
# The longer side of each image that is kept, in pixels: large enough to recognize its content.
SHOWN_SIDE = 400


@dataclass(frozen=True, slots=True)
class Offender:
    """A misclassified test image: uint8 H×W (gray) or H×W×3 (BGR), and where it came from."""

    id: str
    true: str
    named: str
    score: float
    image: NDArray[np.uint8]


def worst_offenders(
    source: Source, wrong: Iterable[Item], classifier: Classifier, count: int = MOST
) -> tuple[Offender, ...]:
    """Return the wrong answers with the highest scores, the highest first.

    Parameters
    ----------
    wrong
        The test images that the classifier gets wrong; each is read again.
    """
    ranked = []
    for place, item in enumerate(wrong):
        best = classifier.classify(source.read(item, classifier.least_side), 1)[0]
        ranked.append((-best.score, place, best.label, item))
    return tuple(
        Offender(item.id, source.labels[item.label], named, -score, to_shown_size(source.read(item)))
        for score, _, named, item in sorted(ranked, key=lambda r: r[:2])[:count]
    )


def worst_first(offenders: Iterable[Offender], count: int = MOST) -> tuple[Offender, ...]:
    """Return the first of several networks' offenders, the highest score first."""
    return tuple(sorted(offenders, key=lambda o: -o.score)[:count])


def worst_answers(name: str, offenders: Sequence[Offender]) -> ReportSection:
    """Return the section of a page that shows a bundle's wrong answers."""
    title = "Worst answers"
    if not offenders:
        return ReportSection(title, ("int8 misclassifies no test image.",))
    what = f"{len(offenders)} test images" if len(offenders) > 1 else "test image"
    text = (
        f"The {what} that int8 misclassifies with the highest scores. These are images of the dataset: share "
        f"this page only where you may share them. The bundle `{name}` has none of them in it."
    )
    photos = tuple(
        Photo(o.image, o.id, (o.true, ", classified as ", o.named, f" with {o.score:.0%}")) for o in offenders
    )
    return ReportSection(title, (text, Gallery(photos)))


def to_shown_size(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image at the size that is shown; small ones are enlarged with square pixels."""
    height, width = image.shape[:2]
    scale = SHOWN_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST if scale > 4 else cv2.INTER_CUBIC
    small: NDArray[np.uint8] = cv2.resize(image, size, interpolation=method)  # type: ignore[assignment]
    return small
