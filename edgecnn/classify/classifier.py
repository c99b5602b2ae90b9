"""An image in, labels out: preprocessing, engine and decoding joined."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, overload

from edgecnn.classify.decode import Decoder
from edgecnn.classify.nearness import NearnessDecoder
from edgecnn.classify.smooth import HOLD, SMOOTH, Smoother
from edgecnn.classify.verdict import Verdict
from edgecnn.errors import AnswerError, ImageError, OptionError
from edgecnn.frame import Prediction, Predictions, Result, Timings
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

# An image that is decoded smaller keeps so many times the model's side.
DECODED_SIDES = 2


class Classifier(Closing):
    """Classifies images with one model on one engine. A context manager; use it from one thread.

    Attributes
    ----------
    model
        The model and its facts.
    engine
        What runs it.
    threads
        How many threads the engine was given.
    verdict
        The rule of `unknown`: its threshold, background class, or thresholds by class.
    multi_label
        Whether each class counts on its own: any number of them may be found in an image.
    notices
        What users of it should know, a line each.
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
        self.verdict = Verdict.of(model, threshold)
        name = f"{model.name} {model.variant}"
        self._nearness = None if model.nearness is None else NearnessDecoder(model.nearness, name)
        self._preprocess = Preprocessor(model.input, model.file.inputs[0])
        self._decode = Decoder(
            model.labels,
            model.file.outputs[0],
            logits=model.scores == "logits",
            temperature=1.0 if self.multi_label else model.confidence.temperature,
            name=name,
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
    def threshold(self) -> float:
        """Below this score the answer is unknown; 0 for never. The lowest of `thresholds` for multi-label."""
        return self.verdict.threshold

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The score that each class of a multi-label model needs to be found; empty for others."""
        return self.verdict.thresholds

    def set_threshold(self, threshold: float) -> None:
        """Replace the threshold of `unknown` for all following images; 0 for never.

        A smoother that exists keeps the rule that it was made with. Raises OptionError outside 0 to 1.
        """
        self.verdict = Verdict.of(self.model, threshold)

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
            gives it, H×W gray or H×W×4 BGRA. A list or tuple of these gives a list of answers.
        top
            How many classes to return; all of them for None.
        rgb
            Whether arrays are RGB or RGBA, as PIL, imageio and matplotlib give them.

        Returns
        -------
        Predictions, best first: always classes, also where `knows` says that it is none of them. Scores are
        the model's own probabilities, at the temperature of its bundle. If the model has prototypes, the list
        is a `Predictions` with the image's nearness.

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
            predictions = self._decode(self._invoke(pixels)[0], top)
            return _with(predictions, self._read_nearness())
        except (ImageError, AnswerError) as error:
            if where:
                raise type(error)(f"{where}{error}") from error
            raise

    def knows(self, predictions: list[Prediction]) -> bool:
        """Whether the best of an image's predictions is an answer; if not, the answer is unknown.

        The answer is unknown where its score is below the threshold, where it is the bundle's background
        class, or where the image's nearness is below its threshold; for a multi-label model, where no
        prediction reaches its class's threshold.

        Raises OptionError for a list without the nearness that the model's rule needs: pass the one that
        `classify` returned, not a part of it.
        """
        return self.verdict.knows(predictions, _nearness_of(predictions))

    def found(self, predictions: list[Prediction]) -> tuple[str, ...]:
        """Return the labels that a multi-label model finds: those that reach their threshold."""
        return self.verdict.found(predictions, _nearness_of(predictions))

    def probabilities(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the model's own probabilities, float32 (classes,), in the order of the labels.

        They are those of the graph, before any temperature: for golden vectors and to fit the temperature.
        """
        return self._decode.probabilities(self._invoke(image)[0])

    def classify_timed(
        self, image: NDArray[np.uint8], top: int | None = None
    ) -> tuple[list[Prediction], Timings]:
        """Classify one image, and measure each stage."""
        raw, stamps = self._invoke(image)
        predictions = _with(self._decode(raw, top), self._read_nearness())
        return predictions, _timings(*stamps)

    def smoother(self, smooth: float = SMOOTH, hold: int = HOLD) -> Smoother:
        """Return a smoother for one stream of this model's results; see `Smoother`."""
        if self.multi_label:
            from edgecnn.classify.smooth_labels import LabelsSmoother

            return LabelsSmoother(self.labels, self.verdict, smooth, hold)
        return Smoother(self.labels, self.verdict, smooth, hold)

    def classify_frame(
        self, frame: Frame, top: int | None = None, smoother: Smoother | None = None
    ) -> Result:
        """Classify one frame of a source; its age is taken when the label is known.

        Parameters
        ----------
        smoother
            That of the frame's stream, for a smoothed answer next to the frame's own. It stays as it is where
            the model answers NaN or infinity.

        Raises
        ------
        ImageError, EngineError, AnswerError
            As `classify` does.
        """
        raw, stamps = self._invoke(frame.region)
        nearness = self._read_nearness()
        ranked = None if self.multi_label else top  # any class may be found
        steady = None
        if smoother is None:
            predictions = self._decode(raw, ranked)
        else:
            predictions, scores = self._decode.with_scores(raw, ranked)
            steady = smoother(scores, top, frame.captured_ns, nearness)
        found = self.verdict.found(predictions, nearness) if self.multi_label else None
        unknown = not self.verdict.knows(predictions, nearness) if self.verdict.may_be_unknown else None
        if found is not None:
            predictions, unknown = predictions[:top], not found
        timings = _timings(*stamps)
        age_ms = (time.monotonic_ns() - frame.captured_ns) / 1e6
        seen = self._preprocess.seen(frame)
        return Result(
            frame, _with(predictions, nearness), timings, age_ms, unknown, steady, seen, found, nearness
        )

    def _invoke(self, image: NDArray[np.uint8]) -> tuple[NDArray[Any], tuple[int, int, int]]:
        """Run the model; return its raw output, and when the first two stages began and ended, in ns."""
        start = time.perf_counter_ns()
        tensor = self._preprocess(image)
        prepared = time.perf_counter_ns()
        raw = self.engine.invoke(tensor)
        return raw, (start, prepared, time.perf_counter_ns())

    def _read_nearness(self) -> float | None:
        """Return the nearness of the image of the last invoke; None for a model without prototypes."""
        return None if self._nearness is None else self._nearness(self.engine.read(1))

    def close(self) -> None:
        """Close the engine; may be called twice."""
        self.engine.close()


def _with(predictions: list[Prediction], nearness: float | None) -> list[Prediction]:
    return predictions if nearness is None else Predictions(predictions, nearness)


def _nearness_of(predictions: list[Prediction]) -> float | None:
    return predictions.nearness if isinstance(predictions, Predictions) else None


def _timings(start: int, prepared: int, invoked: int) -> Timings:
    """Return how long the stages took, the last of which ends now."""
    end = time.perf_counter_ns()
    return Timings((prepared - start) / 1e6, (invoked - prepared) / 1e6, (end - invoked) / 1e6)
