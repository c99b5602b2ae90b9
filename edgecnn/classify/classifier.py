"""A picture in, labels out: preprocess, engine and decode joined."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, overload

from edgecnn.bundle.scores import MULTI_LABEL_THRESHOLD
from edgecnn.classify.decode import Decoder
from edgecnn.classify.smooth import HOLD, SMOOTH, Smoother
from edgecnn.errors import AnswerError, ImageError, OptionError
from edgecnn.frame import Prediction, Result, Timings
from edgecnn.image.input import read_input
from edgecnn.image.preprocess import Preprocessor
from edgecnn.io.closing import Closing
from edgecnn.io.printable import printable

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.bundle.bundle import Model
    from edgecnn.engine import Engine
    from edgecnn.frame import Frame
    from edgecnn.image.input import PilImage

    Image = str | os.PathLike[str] | PilImage | NDArray[np.uint8]

# How many times the model's side an image keeps that is decoded smaller.
DECODED_SIDES = 2


class Classifier(Closing):
    """Classifies pictures with one model on one engine. A context manager; use it from one thread.

    Attributes
    ----------
    model
        The model and all that is known of it.
    engine
        What runs it.
    threads
        How many threads the engine was given.
    threshold
        Below this score the answer is unknown; 0 for never. The lowest of `thresholds` where there are some.
    multi_label
        Whether each class counts by itself: any number of them may be found in an image.
    thresholds
        The score that each class of a multi-label model takes to be found; empty for others.
    notices
        What whoever uses it here should know, a line each.
    """

    def __init__(
        self,
        model: Model,
        engine: Engine,
        threads: int = 1,
        threshold: float | None = None,
        notices: tuple[str, ...] = (),
    ) -> None:
        self.model = model
        self.engine = engine
        self.threads = threads
        self.notices = notices
        self.multi_label = model.scores == "multi-label"
        # Every class of a multi-label model has a threshold of its own.
        self.thresholds = _thresholds(model, threshold) if self.multi_label else ()
        self.threshold = model.confidence.threshold if threshold is None else threshold
        if self.multi_label:
            self.threshold = min(self.thresholds)
        # Who asks for a threshold of 0 wants no answer of unknown, whatever its reason.
        no_background = threshold == 0 or self.multi_label
        self._background = None if no_background else model.confidence.background
        self._may_not_know = self.threshold > 0 or self._background is not None
        self._preprocess = Preprocessor(model.input, model.file.inputs[0])
        self._decode = Decoder(
            model.labels,
            model.file.outputs[0],
            logits=model.scores == "logits",
            temperature=1.0 if self.multi_label else model.confidence.temperature,
            name=f"{model.name} {model.variant}",
        )

    def __repr__(self) -> str:
        """Say which model runs on what, in one line."""
        model, size = self.model, self.model.input
        return printable(
            f"Classifier({model.name} {model.variant} on {self.engine.name}, {self.threads} "
            f"thread{'s' * (self.threads != 1)}: {len(self.labels):,} classes, "
            f"{size.width}×{size.height} {size.color})"
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the model's outputs."""
        return self.model.labels

    @property
    def least_side(self) -> int:
        """How long an image's shorter side has to stay where a JPEG is decoded smaller, in pixels.

        Twice the model's longer side: what a decoder leaves out is then averaged away in any case. With less
        the model gets a sharper image than it was trained on (docs/benchmarks.md).
        """
        return DECODED_SIDES * max(self.model.input.width, self.model.input.height)

    @overload
    def classify(
        self, image: list[Image] | tuple[Image, ...], top: int | None = None, *, rgb: bool = False
    ) -> list[list[Prediction]]: ...

    @overload
    def classify(self, image: Image, top: int | None = None, *, rgb: bool = False) -> list[Prediction]: ...

    def classify(
        self, image: Image | list[Image] | tuple[Image, ...], top: int | None = None, *, rgb: bool = False
    ) -> list[Prediction] | list[list[Prediction]]:
        """Classify an image, or each of a list.

        Parameters
        ----------
        image
            A path, read as `edgecnn classify` reads it; a PIL image; or a uint8 array, H×W×3 BGR as OpenCV
            gives it, H×W grey or H×W×4 BGRA. A list or tuple of these gives a list of answers.
        top
            How many classes to return; all of them for None.
        rgb
            Whether arrays are RGB or RGBA, as PIL, imageio and matplotlib give them.

        Returns
        -------
        Predictions, best first: always classes, also where `knows` says that it is none of them. Scores are
        the model's own probabilities, at the temperature that its bundle was calibrated to.

        Raises
        ------
        OptionError
            For a `top` below 1.
        ImageError
            For what is no image, or a file that can't be read; of a list, with its place.
        EngineError
            Where the engine fails.
        AnswerError
            Where the model answers NaN or infinity.
        """
        if top is not None and not (isinstance(top, int) and top > 0):
            raise OptionError(f"top is {top!r}, expected a number of classes from 1 on, or None for all")
        if isinstance(image, list | tuple):
            return [
                self._classify_one(one, top, rgb, f"image {k} of the list: ") for k, one in enumerate(image)
            ]
        return self._classify_one(image, top, rgb)

    def _classify_one(self, image: Image, top: int | None, rgb: bool, where: str = "") -> list[Prediction]:
        try:
            pixels = read_input(image, self.least_side, self.model.input.background, rgb=rgb)
            return self._decode(self.engine.invoke(self._preprocess(pixels)), top)
        except (ImageError, AnswerError) as error:
            if where:
                raise type(error)(f"{where}{error}") from error
            raise

    def knows(self, predictions: list[Prediction]) -> bool:
        """Whether the best of a picture's predictions is an answer; if not, the answer is unknown.

        It is not where its score is below the threshold, or where it is the bundle's background class. A
        multi-label model knows something where one of the predictions reaches its class's threshold.
        """
        if self.multi_label:
            return bool(self.found(predictions))
        best = predictions[0]
        return best.score >= self.threshold and best.index != self._background

    def found(self, predictions: list[Prediction]) -> tuple[str, ...]:
        """Return the labels that a multi-label model finds: those that reach their threshold."""
        return tuple(p.label for p in predictions if p.score >= self.thresholds[p.index])

    def probabilities(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the model's own probabilities, float32 (classes,), in the order of the labels.

        They are what the graph says, before any temperature: for golden vectors and for calibration.
        """
        return self._decode.probabilities(self.engine.invoke(self._preprocess(image)))

    def classify_timed(
        self, image: NDArray[np.uint8], top: int | None = None
    ) -> tuple[list[Prediction], Timings]:
        """Classify one picture, and say how long each stage took."""
        predictions, timings, _ = self._run(image, top)
        return predictions, timings

    def smoother(self, smooth: float = SMOOTH, hold: int = HOLD) -> Smoother:
        """Return what makes one stream's answers steady, by this model's threshold; see `Smoother`."""
        if self.multi_label:
            from edgecnn.classify.smooth_labels import LabelsSmoother

            return LabelsSmoother(self.labels, self.thresholds, smooth, hold)
        return Smoother(self.labels, self.threshold, self._background, smooth, hold)

    def classify_frame(
        self, frame: Frame, top: int | None = None, smoother: Smoother | None = None
    ) -> Result:
        """Classify one frame of a source; its age is taken when the label is known.

        Parameters
        ----------
        smoother
            That of the frame's stream, for a steady answer beside the frame's own. It stays as it is where
            the model answers NaN or infinity.

        Raises
        ------
        ImageError, EngineError, AnswerError
            As `classify` does.
        """
        predictions, timings, raw = self._run(frame.region, top)
        found = self.found(self._decode(raw)) if self.multi_label else None
        unknown = None
        if found is not None:
            unknown = not found
        elif self._may_not_know:
            unknown = not self.knows(predictions)
        steady = smoother(self._decode.scores(raw), top, frame.captured_ns) if smoother else None
        age_ms = (time.monotonic_ns() - frame.captured_ns) / 1e6
        seen = self._preprocess.seen(frame)
        return Result(frame, predictions, timings, age_ms, unknown, steady, seen, found)

    def _run(
        self, image: NDArray[np.uint8], top: int | None
    ) -> tuple[list[Prediction], Timings, NDArray[Any]]:
        start = time.perf_counter_ns()
        tensor = self._preprocess(image)
        prepared = time.perf_counter_ns()
        raw = self.engine.invoke(tensor)
        invoked = time.perf_counter_ns()
        predictions = self._decode(raw, top)
        end = time.perf_counter_ns()
        timings = Timings((prepared - start) / 1e6, (invoked - prepared) / 1e6, (end - invoked) / 1e6)
        return predictions, timings, raw

    def close(self) -> None:
        """Close the engine; may be called twice."""
        self.engine.close()


def _thresholds(model: Model, threshold: float | None) -> tuple[float, ...]:
    """Return the threshold of each class of a multi-label model: the given one, the bundle's, or 0.5."""
    if threshold is None and model.thresholds:
        return model.thresholds
    return (MULTI_LABEL_THRESHOLD if threshold is None else threshold,) * len(model.labels)
