"""A classifier that learns while it runs: the trunk on an engine, what was taught in numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.classify.classifier import Classifier
from edgecnn.errors import AnswerError
from edgecnn.frame import Prediction
from edgecnn.learning.embedder import cut_model, open_cut
from edgecnn.teaching.knowledge import nothing
from edgecnn.tflite.quant import dequantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.learning.trunk import Trunk
    from edgecnn.teaching.knowledge import Knowledge

    Embedding = NDArray[np.float32]


class TaughtClassifier(Classifier):
    """Classifies by what it knows at the moment; `learn` replaces that between two frames.

    The head is computed in float32 from int8 embeddings: the int8 head of a kept model answers the same but
    for rounding.

    Attributes
    ----------
    embedding
        That of the image that was classified last, float32 (values,).
    """

    def __init__(self, trunk: Trunk, name: str, engine: str = "auto", threads: int = 1) -> None:
        cut = cut_model(trunk)
        super().__init__(cut._replace(name=name), open_cut(cut, engine, threads, bare=trunk.bare), threads)
        output = cut.file.outputs[0]
        self._scale = (output.scale, output.zero_point) if output.dtype != "float32" else None
        self.values = output.size
        self.embedding: Embedding = np.zeros(self.values, np.float32)
        self._asked: float | None = None
        self.learn(nothing(self.values))

    def learn(self, knowledge: Knowledge) -> None:
        """Answer by this from now on; call it in the thread that classifies."""
        self.knowledge = knowledge
        self.verdict = knowledge.verdict(self._asked)
        self.model = self.model._replace(labels=knowledge.labels)
        self._decode = _Decoder(knowledge)  # type: ignore[assignment]  # takes embeddings, not an output

    def set_threshold(self, threshold: float) -> None:
        """Call answers below this score unknown from now on, whatever is learned; see `Verdict.of`."""
        self.verdict = self.knowledge.verdict(threshold)
        self._asked = threshold

    def _invoke(self, image: NDArray[np.uint8]) -> tuple[NDArray[Any], tuple[int, int, int]]:
        raw, stamps = super()._invoke(image)
        values = raw.reshape(-1)
        real = values.astype(np.float32) if self._scale is None else dequantize(values, *self._scale)
        if not np.isfinite(real @ real):
            raise AnswerError(
                f"the trunk {self.model.name} answered NaN, infinity or huge values, expected ordinary "
                "numbers: take another trunk"
            )
        self.embedding = real
        return real, stamps

    def _read_nearness(self) -> float | None:
        return self.knowledge.nearness(self.embedding)


@dataclass(frozen=True, slots=True)
class _Decoder:
    """Turns embeddings into predictions."""

    knowledge: Knowledge

    def __call__(self, raw: Embedding, top: int | None = None) -> list[Prediction]:
        return self.with_scores(raw, top)[0]

    def with_scores(
        self, raw: Embedding, top: int | None = None
    ) -> tuple[list[Prediction], NDArray[np.float64]]:
        """Return the best classes, and the scores of all in the order of the labels."""
        scores, labels = self.knowledge.scores(raw), self.knowledge.labels
        best = (-scores).argsort(kind="stable")[:top].tolist()
        return [Prediction(labels[i], i, float(scores[i])) for i in best], scores

    def probabilities(self, raw: Embedding) -> NDArray[np.float32]:
        """Return the score of each class."""
        return self.knowledge.scores(raw).astype(np.float32)
