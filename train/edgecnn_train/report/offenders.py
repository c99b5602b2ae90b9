"""The test pictures that a model gets most wrong, and a sheet of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2

from edgecnn_train.sheet import Cell, Section, contact_sheet, drawable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.classifier import Classifier
    from edgecnn_train.data import DataSet

MOST = 25
_SIDE, _COLUMNS = 144, 5


@dataclass(frozen=True, slots=True)
class Offender:
    """A test picture that was named wrongly: uint8 H×W (grey) or H×W×3 (BGR), and where it came from."""

    id: str
    true: str
    named: str
    score: float
    picture: NDArray[np.uint8]


def worst_offenders(
    data: DataSet, wrong: Sequence[int], classifier: Classifier, count: int = MOST
) -> tuple[Offender, ...]:
    """Return the wrong answers with the highest scores, the highest first.

    Parameters
    ----------
    wrong
        Places in the test split that the classifier names wrongly; each picture is read again.
    """
    ranked = []
    for place in wrong:
        best = classifier.classify(data.source.read(data.test.items[place]), 1)[0]
        ranked.append((-best.score, place, best.label))
    return tuple(
        Offender(
            data.test.items[place].id,
            data.labels[data.test.labels[place]],
            named,
            -score,
            data.source.read(data.test.items[place]),
        )
        for score, place, named in sorted(ranked)[:count]
    )


def sheet(offenders: Sequence[Offender]) -> bytes:
    """Return a PNG of the pictures, numbered from 1."""
    cells = tuple(
        Cell((o.picture,), f"{k}: {drawable(o.true)} as {drawable(o.named)}")
        for k, o in enumerate(offenders, 1)
    )
    return cv2.imencode(".png", contact_sheet([Section("", cells)], _SIDE, _COLUMNS))[1].tobytes()
