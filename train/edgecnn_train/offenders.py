"""The misclassified test images with the highest scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.classify.classifier import Classifier
    from edgecnn_train.splits import Dataset

MOST = 25
# The longer side of each image that is kept, in pixels: large enough to recognize its content.
_SIDE = 400


@dataclass(frozen=True, slots=True)
class Offender:
    """A misclassified test image: uint8 H×W (gray) or H×W×3 (BGR), and where it came from."""

    id: str
    true: str
    named: str
    score: float
    image: NDArray[np.uint8]


def worst_offenders(
    data: Dataset, wrong: Sequence[int], classifier: Classifier, count: int = MOST
) -> tuple[Offender, ...]:
    """Return the wrong answers with the highest scores, the highest first.

    Parameters
    ----------
    wrong
        Places in the test split that the classifier gets wrong; each image is read again.
    """
    ranked = []
    for place in wrong:
        image = data.source.read(data.test.items[place], classifier.least_side)
        best = classifier.classify(image, 1)[0]
        ranked.append((-best.score, place, best.label))
    return tuple(
        Offender(
            data.test.items[place].id,
            data.labels[data.test.labels[place]],
            named,
            -score,
            _small(data.source.read(data.test.items[place])),
        )
        for score, place, named in sorted(ranked)[:count]
    )


def worst_first(offenders: Iterable[Offender], count: int = MOST) -> tuple[Offender, ...]:
    """Return the first of several networks' offenders, the highest score first."""
    return tuple(sorted(offenders, key=lambda o: -o.score)[:count])


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image at the size that is shown; small ones are enlarged with square pixels."""
    height, width = image.shape[:2]
    scale = _SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST if scale > 4 else cv2.INTER_CUBIC
    small: NDArray[np.uint8] = cv2.resize(image, size, interpolation=method)  # type: ignore[assignment]
    return small
