"""What travels between the rooms: frames in, predictions and results out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture from a source.

    Attributes
    ----------
    pixels
        uint8, H×W×3, BGR.
    captured_ns
        When it was captured, on `time.monotonic_ns`'s clock.
    index
        Its place in the source, from 0. Frames that were dropped leave gaps.
    source
        Where it came from, as the user would name it.
    truth
        The true label, where the source knows it.
    """

    pixels: NDArray[np.uint8]
    captured_ns: int
    index: int
    source: str
    truth: str | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class and its score, 0 to 1: the model's own probability, at the bundle's temperature."""

    label: str
    index: int
    score: float


@dataclass(frozen=True, slots=True)
class Timings:
    """How long each stage took for one picture."""

    preprocess_ms: float
    inference_ms: float
    decode_ms: float

    @property
    def total_ms(self) -> float:
        """From the BGR picture to the predictions."""
        return self.preprocess_ms + self.inference_ms + self.decode_ms

    def as_dict(self) -> dict[str, float]:
        """Return the stages under the names that every JSON output uses, in milliseconds."""
        return {
            "preprocess": round(self.preprocess_ms, 4),
            "inference": round(self.inference_ms, 4),
            "decode": round(self.decode_ms, 4),
        }


@dataclass(frozen=True, slots=True)
class Result:
    """A classified frame.

    Attributes
    ----------
    predictions
        Classes, best first, also where the answer is unknown.
    age_ms
        From capture to the moment the label was known.
    unknown
        Whether this is none of the classes as far as the model can tell; None for a model that has no way
        to say so.
    """

    frame: Frame
    predictions: list[Prediction]
    timings: Timings
    age_ms: float
    unknown: bool | None = None

    @property
    def label(self) -> str:
        """The answer: the best class's label, or `unknown`."""
        return UNKNOWN if self.unknown else self.predictions[0].label

    @property
    def correct(self) -> bool | None:
        """Whether the answer is the true label, or None where the truth is not known.

        An answer of `unknown` is not.
        """
        if self.frame.truth is None or not self.predictions:
            return None
        return self.label == self.frame.truth

    def as_dict(self) -> dict[str, object]:
        """Return the object that `classify --json` and `live --jsonl` share.

        `unknown` is in it where the model can say so.
        """
        answer = {} if self.unknown is None else {"unknown": self.unknown}
        return {
            "source": self.frame.source,
            "frame": self.frame.index,
            **answer,
            "predictions": [
                {"label": p.label, "index": p.index, "score": round(p.score, 6)} for p in self.predictions
            ],
            "latency_ms": self.timings.as_dict(),
        }


class Command(Enum):
    """What a person asks of the live loop through a sink."""

    QUIT = "quit"
