"""What travels between the rooms: frames in, predictions and results out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from edgecnn.io.printable import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNKNOWN = "unknown"


class Box(NamedTuple):
    """A part of a picture, in pixels: its left and upper edge, its width and height."""

    x: int
    y: int
    width: int
    height: int


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
    roi
        The region of interest, the part that is classified; None for the whole picture.
    encoded
        The JPEG file that the pixels are a smaller picture of; None where they are all that there is.
    small
        The same image as `classify` decodes its file, where somebody looks at the whole one in `pixels`; else
        None.
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
        """Return when it was captured, by the clock on the wall, in the local time zone."""
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
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody looks for here
    score: float

    def as_dict(self) -> dict[str, object]:
        """Return it as every JSON output has it."""
        return {"label": self.label, "index": self.index, "score": round(self.score, 6)}


class Timings(NamedTuple):
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


class Steady(NamedTuple):
    """What the latest results of a stream amount to; see `edgecnn.classify.smooth`.

    Attributes
    ----------
    answer
        The label that stands, or None for unknown. It may be another than the best of `predictions`, which
        has not lasted yet.
    predictions
        Classes by their averaged scores, best first.
    found
        The labels that stand, for a model that may find several in an image; None for others.
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
    steady
        What the stream amounts to up to this frame; None where single frames count. All else is of this
        frame alone.
    seen
        The part of the frame's picture that the model got to see; None where nobody said.
    found
        The labels that a multi-label model finds, by their scores; None for a model of one class an image.
    """

    frame: Frame
    predictions: list[Prediction]
    timings: Timings
    age_ms: float
    unknown: bool | None = None
    steady: Steady | None = None
    seen: Box | None = None
    found: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        """Say the answer, the best classes and where they come from, in one line."""
        best = ", ".join(f"{p.label} {p.score:.3f}" for p in self.predictions[:3])
        of = f"{self.frame.index} of {self.frame.source}" if self.frame.index else self.frame.source
        return printable(f"Result({self.label}: {best}; {of}, {self.timings.total_ms:.2f} ms)")

    @property
    def label(self) -> str:
        """The answer of this frame alone: the best class's label, all that were found, or `unknown`."""
        if self.unknown:
            return UNKNOWN
        return ", ".join(self.found) if self.found else self.predictions[0].label

    @property
    def shown(self) -> str:
        """What a person is shown: the steady label where there is one."""
        return self.steady.label if self.steady else self.label

    @property
    def ranking(self) -> list[Prediction]:
        """The classes that a person is shown with it: by averaged scores where there is a steady label."""
        return self.steady.predictions if self.steady else self.predictions

    @property
    def correct(self) -> bool | None:
        """Whether the answer is the true label, or None where the truth is not known.

        An answer of `unknown` is not; of several labels that were found one has to be it.
        """
        if self.frame.truth is None or not self.predictions:
            return None
        return self.label == self.frame.truth if self.found is None else self.frame.truth in self.found

    @property
    def steady_correct(self) -> bool | None:
        """The same of what a person is shown."""
        if self.steady is None or self.correct is None:
            return self.correct
        found = self.steady.found
        return self.shown == self.frame.truth if found is None else self.frame.truth in found

    def as_dict(self) -> dict[str, object]:
        """Return the object that `classify --json` and `live --jsonl` share.

        `unknown` is in it where the model can say so, `labels` where it may find several, `steady` where the
        stream was smoothed.
        """
        answer: dict[str, object] = {} if self.unknown is None else {"unknown": self.unknown}
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
