"""Measures one image: the answers of all variants of a model to it, clean and corrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from edgecnn.errors import AnswerError, DataError, ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.classify.classifier import Classifier
    from edgecnn.dataset import Item, Source
    from edgecnn.evaluation.corruption.views import Corrupter, View


class MeasuredImage(NamedTuple):
    """The answers to one image.

    Attributes
    ----------
    truth
        The true class index.
    answers
        The class index that each variant answers.
    corrupted
        Name and strength of each corruption, and whether each variant is right under it.
    """

    truth: int
    answers: list[int]
    corrupted: list[tuple[str, int, list[bool]]]


class Measuring:
    """Measures one image after another, each independently of all others.

    Parameters
    ----------
    classifiers
        The open variants, which see the same pixels and have the same labels.
    source
        The data.
    classes
        The model's index for each class of the data.
    view, corrupter
        How the model sees an image, and the corrupted views of it.
    """

    def __init__(
        self,
        classifiers: Sequence[Classifier],
        source: Source,
        classes: Sequence[int],
        view: View,
        corrupter: Corrupter,
    ) -> None:
        self._classifiers = classifiers
        self._source = source
        self._classes = classes
        self._view = view
        self._corrupter = corrupter
        self._least = classifiers[0].least_side
        self._index = {label: i for i, label in reversed(list(enumerate(classifiers[0].labels)))}

    def __call__(self, item: Item) -> MeasuredImage | str:
        """Return the answers to an image; where it can't be read, the reason. Raises AnswerError."""
        try:
            image = self._source.read(item, self._least)
            # Scenes show a subject smaller, so they need more of its pixels.
            whole = self._source.read(item) if self._corrupter.scenes else image
        except (ImageError, DataError) as error:
            return str(error)
        truth, clean = self._classes[item.label], self._view(image)
        answers = self._answers(clean, item.id)
        corrupted = [
            (name, strength, [answer == truth for answer in self._answers(pixels, item.id)])
            for name, strength, pixels in self._corrupter(whole, clean, item.id, item.label)
        ]
        return MeasuredImage(truth, answers, corrupted)

    def _answers(self, image: NDArray[np.uint8], of: str) -> list[int]:
        try:
            return [self._index[c.classify(image, 1)[0].label] for c in self._classifiers]
        except AnswerError as error:
            raise AnswerError(f"{of}: {error}") from error
