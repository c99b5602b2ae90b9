"""The records that rooms exchange: frames, predictions, timings and results."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from edgecnn.io.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

UNKNOWN = "unknown"


class Box(NamedTuple):
    """A part of an image, in pixels: its left and top edge, its width and height."""

    x: int
    y: int
    width: int
    height: int


# In a notebook.
_BARS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One image from a source.

    Attributes
    ----------
    pixels
        uint8, H×W×3, BGR.
    captured_ns
        When it was captured, on `time.monotonic_ns`'s clock.
    index
        Its position in the source, from 0. Dropped frames leave gaps.
    source
        The source, as the user named it.
    truth
        The true label, if the source knows it.
    roi
        The region of interest, the part that is classified; None for the whole frame.
    encoded
        The JPEG file that `pixels` was decoded from at a smaller size; None otherwise.
    small
        The image as `classify` decodes the file, if `pixels` is the full one for display; else None.
    """

    pixels: NDArray[np.uint8]
    captured_ns: int
    index: int
    source: str
    truth: str | None = None
    roi: Box | None = None
    encoded: bytes | None = None
    small: NDArray[np.uint8] | None = None

    def __repr__(self) -> str:
        height, width = self.pixels.shape[:2]
        return f"Frame({width}×{height} pixels, {self.index} of {printable(self.source)})"

    def wall_time(self) -> datetime:
        """Return the wall-clock time of capture, in the local time zone."""
        seconds = (time.monotonic_ns() - self.captured_ns) / 1e9
        return datetime.fromtimestamp(time.time() - seconds).astimezone()

    @property
    def region(self) -> NDArray[np.uint8]:
        """The pixels that are classified; no copy."""
        if self.roi is None:
            return self.pixels if self.small is None else self.small
        x, y, width, height = self.roi
        return self.pixels[y : y + height, x : x + width]


class Prediction(NamedTuple):
    """One class and its score, 0 to 1: the model's own probability, at the bundle's temperature.

    A tuple, since ten of them are made for a frame, in a third of the time that a dataclass takes.
    """

    label: str
    index: int  # type: ignore[assignment]  # hides tuple.index, which is not used here
    score: float

    def as_dict(self) -> dict[str, object]:
        """Return it as every JSON output has it."""
        return {"label": self.label, "index": self.index, "score": round(self.score, 6)}


class Predictions(list[Prediction]):
    """The predictions of one image, best first, with its nearness: a list of a model that has both.

    Attributes
    ----------
    nearness
        The largest cosine of the image's embedding with a prototype of the classes, −1 to 1.
    """

    __slots__ = ("nearness",)

    def __init__(self, predictions: Iterable[Prediction], nearness: float) -> None:
        super().__init__(predictions)
        self.nearness = nearness


class Timings(NamedTuple):
    """The duration of each stage for one frame, in milliseconds."""

    preprocess_ms: float
    inference_ms: float
    decode_ms: float

    @property
    def total_ms(self) -> float:
        """From the BGR frame to the predictions."""
        return self.preprocess_ms + self.inference_ms + self.decode_ms

    def as_dict(self) -> dict[str, float]:
        """Return the stages under the names that every JSON output uses, in milliseconds."""
        return {
            "preprocess": round(self.preprocess_ms, 4),
            "inference": round(self.inference_ms, 4),
            "decode": round(self.decode_ms, 4),
        }


class Steady(NamedTuple):
    """The smoothed answer of a stream; see `edgecnn.classify.smooth`.

    Attributes
    ----------
    answer
        The current label, or None for unknown. It may differ from the best of `predictions` until that has
        lasted for the frames of `hold`.
    predictions
        Classes by their averaged scores, best first.
    found
        The current labels of a multi-label model; None for others.
    """

    answer: str | None
    predictions: list[Prediction]
    found: tuple[str, ...] | None = None

    @property
    def label(self) -> str:
        """The answer's label, or `unknown`."""
        return UNKNOWN if self.answer is None else self.answer

    def as_dict(self) -> dict[str, object]:
        """Return it as the lines of `live --jsonl` have it."""
        return {
            "label": self.label,
            "unknown": self.answer is None,
            **({} if self.found is None else {"labels": list(self.found)}),
            "predictions": [p.as_dict() for p in self.predictions],
        }


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """A classified frame.

    Attributes
    ----------
    predictions
        Classes, best first, also where the answer is unknown.
    age_ms
        From capture to the moment the label was known.
    unknown
        Whether the image is none of the classes, by the model's confidence; None for a model without one.
    steady
        The smoothed answer up to this frame; None without smoothing. All other fields belong to this frame
        alone.
    seen
        The part of the frame that the model saw; None if not recorded.
    found
        The labels that a multi-label model finds, by score; None for other models.
    nearness
        The largest cosine of the image's embedding with a prototype of the classes, −1 to 1; None for a model
        without prototypes.
    """

    frame: Frame
    predictions: list[Prediction]
    timings: Timings
    age_ms: float
    unknown: bool | None = None
    steady: Steady | None = None
    seen: Box | None = None
    found: tuple[str, ...] | None = None
    nearness: float | None = None

    def __repr__(self) -> str:
        """Return the answer, the best classes and the source in one line."""
        best = ", ".join(f"{p.label} {p.score:.3f}" for p in self.predictions[:3])
        of = f"{self.frame.index} of {self.frame.source}" if self.frame.index else self.frame.source
        return printable(f"Result({self.label}: {best}; {of}, {self.timings.total_ms:.2f} ms)")

    def _repr_html_(self) -> str:
        """Return the classified part of the frame and the best classes as bars, as notebooks show it."""
        from edgecnn.io.notebook import image_with_scores

        note = f"{self.frame.index} of {self.frame.source}, {self.timings.total_ms:.2f} ms"
        scores = [(p.label, p.score) for p in self.ranking[:_BARS]]
        return image_with_scores(self.frame.region, self.shown, scores, note)

    @property
    def label(self) -> str:
        """The frame's own answer: the best class's label, all that were found, or `unknown`."""
        if self.unknown:
            return UNKNOWN
        return ", ".join(self.found) if self.found else self.predictions[0].label

    @property
    def shown(self) -> str:
        """The label to show: the smoothed one if there is one."""
        return self.steady.label if self.steady else self.label

    @property
    def ranking(self) -> list[Prediction]:
        """The classes to show with it: by averaged scores if there is a smoothed label."""
        return self.steady.predictions if self.steady else self.predictions

    @property
    def correct(self) -> bool | None:
        """Whether the answer is the true label; None if that is not known.

        `unknown` is never correct; of several found labels one has to be the true one.
        """
        if self.frame.truth is None or not self.predictions:
            return None
        return self.label == self.frame.truth if self.found is None else self.frame.truth in self.found

    @property
    def steady_correct(self) -> bool | None:
        """Whether the label to show is the true one; None if that is not known."""
        if self.steady is None or self.correct is None:
            return self.correct
        found = self.steady.found
        return self.shown == self.frame.truth if found is None else self.frame.truth in found

    def as_dict(self) -> dict[str, object]:
        """Return the object that `classify --json` and `live --jsonl` share.

        It has `unknown` if the model has a confidence, `nearness` if it has prototypes, `labels` if it is
        multi-label, `steady` if the stream is smoothed.
        """
        answer: dict[str, object] = {} if self.unknown is None else {"unknown": self.unknown}
        if self.nearness is not None:
            answer["nearness"] = round(self.nearness, 6)
        if self.found is not None:
            answer["labels"] = list(self.found)
        steady = {"steady": self.steady.as_dict()} if self.steady else {}
        return {
            "source": self.frame.source,
            "frame": self.frame.index,
            **answer,
            "predictions": [p.as_dict() for p in self.predictions],
            **steady,
            "latency_ms": self.timings.as_dict(),
        }
