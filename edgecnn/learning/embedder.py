"""Computes embeddings: the trunk, cut at its embedding, on an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.bundle.bundle import Model
from edgecnn.classify.classifier import DECODED_SIDES
from edgecnn.engine import may_crash, open_engine
from edgecnn.errors import AnswerError
from edgecnn.image.preprocess import Preprocessor
from edgecnn.io.closing import Closing
from edgecnn.tflite.builder import GraphBuilder
from edgecnn.tflite.file import read_tflite
from edgecnn.tflite.quant import dequantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.engine import Engine
    from edgecnn.learning.trunk import Trunk


def cut_model(trunk: Trunk) -> Model:
    """Return a trunk as a model whose output is the embedding."""
    main = trunk.main
    builder, place = GraphBuilder.onto(main.file.data, main.place)
    data = builder.finish(builder.inputs, [place], f"{trunk.name}, cut at {main.embedding.name}")
    return Model(trunk.name, trunk.variant, data, read_tflite(data, trunk.name), (), trunk.input, None)


def open_cut(model: Model, engine: str, threads: int, *, bare: bool) -> Engine:
    """Open a cut trunk on an engine; one of unknown origin is tried in a child process first."""
    if bare and may_crash(engine):
        from edgecnn.engine.probe import require_sound

        require_sound(model, engine, threads)
    return open_engine(engine, model, threads)


class Embedder(Closing):
    """Turns images into embeddings. A context manager; use it from one thread.

    Attributes
    ----------
    values
        How many values an embedding has.
    dtype
        The type of its raw values: int8, uint8 or float32.
    least_side
        How long an image's shorter side has to stay where a JPEG is decoded smaller, in pixels.
    """

    def __init__(self, trunk: Trunk, engine: str = "auto", threads: int = 1) -> None:
        model = cut_model(trunk)
        file = model.file
        self._engine = open_cut(model, engine, threads, bare=trunk.bare)
        self._name = trunk.name
        self._prepare = Preprocessor(trunk.input, file.inputs[0])
        self._output = file.outputs[0]
        self.values, self.dtype = self._output.size, self._output.dtype
        self.least_side = DECODED_SIDES * max(trunk.input.width, trunk.input.height)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[Any]:
        """Return the raw embedding of an image, uint8 H×W×3 BGR or H×W gray: (values,), of `dtype`.

        Raises AnswerError for NaN, infinity, and values whose squares have no sum in float32.
        """
        raw = self._engine.invoke(self._prepare(image)).reshape(-1).copy()
        with np.errstate(over="ignore", invalid="ignore"):
            real = self.real(raw)
            usable = np.isfinite(real @ real)
        if not usable:
            raise AnswerError(
                f"the trunk {self._name} answered NaN, infinity or huge values as an embedding, expected "
                "ordinary numbers: its weights are damaged, or --range is wrong; take another trunk"
            )
        return raw

    def real(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """Return the real values of raw embeddings, float32 of the same shape."""
        if self.dtype == "float32":
            return np.asarray(raw, np.float32)
        return dequantize(raw, self._output.scale, self._output.zero_point)

    def close(self) -> None:
        """Close the engine; may be called twice."""
        self._engine.close()
