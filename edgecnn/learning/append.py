"""Appends what was learned to a trunk: the head and its softmax, and the nearness to the prototypes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgecnn.tflite.builder import (
    GraphBuilder,
    Quantization,
    dense_options,
    l2_options,
    reshape_options,
    softmax_options,
)
from edgecnn.tflite.quant import int8_affine, quantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.learning.head import Head
    from edgecnn.learning.trunk import TrunkFile

    Matrix = NDArray[np.float32]
    # The lowest and highest logit; None where int8's range is fixed.
    Limits = tuple[float, float] | None

SCORES, NEARNESS = "probabilities", "nearness"
# Fixed by LiteRT's int8 kernels of softmax and of L2 normalization.
_SOFTMAX = (1 / 256, -128)
_UNIT = (1 / 128, 0)
# Logits of new photos may go beyond those of the taught ones.
_MARGIN = 1.1


class Taught(NamedTuple):
    """What was learned.

    Attributes
    ----------
    head
        The linear layer.
    prototypes
        Unit vectors, float32 (prototypes, values).
    logits
        The lowest and highest logit that was seen: the range of int8.
    """

    head: Head
    prototypes: Matrix
    logits: tuple[float, float]


def append_head(trunk: TrunkFile, taught: Taught, description: str) -> bytes:
    """Return a trunk's operators with what was learned after them, as a `.tflite` with two outputs.

    The outputs are `probabilities`, (1, classes), and `nearness`, (1, prototypes): cosines. They are float32
    after a float32 embedding, otherwise int8.
    """
    floating = trunk.embedding.dtype == "float32"
    graph, place = GraphBuilder.onto(trunk.file.data, trunk.place, int8=not floating)
    weights = np.ascontiguousarray(taught.head.weights.T)
    build = _Float(graph) if floating else _Int8(graph)
    embedding = build.embedding(place, trunk.embedding.size)
    logits = build.dense("logits", embedding, weights, taught.head.bias, taught.logits)
    scores = build.tensor(SCORES, graph.shape(logits), *_SOFTMAX)
    graph.operator("SOFTMAX", [logits], scores, softmax_options())
    direction = build.tensor("direction", graph.shape(embedding), *_UNIT)
    graph.operator("L2_NORMALIZATION", [embedding], direction, l2_options())
    near = build.dense(NEARNESS, direction, taught.prototypes, None, None)
    return graph.finish(graph.inputs, [scores, near], description)


class _Float:
    """Layers in float32."""

    def __init__(self, graph: GraphBuilder) -> None:
        self._graph = graph

    def embedding(self, place: int, values: int) -> int:
        return _as_row(self._graph, place, values, "float32", None)

    def tensor(self, name: str, shape: tuple[int, ...], *_: float) -> int:
        return self._graph.tensor(name, shape, "float32")

    def dense(self, name: str, x: int, weights: Matrix, bias: Matrix | None, _: Limits) -> int:
        graph = self._graph
        inputs = [x, graph.constant(f"{name}/weights", weights.astype(np.float32))]
        if bias is not None:
            inputs.append(graph.constant(f"{name}/bias", bias.astype(np.float32)))
        output = graph.tensor(name, (1, len(weights)), "float32")
        return graph.operator("FULLY_CONNECTED", inputs, output, dense_options())


class _Int8:
    """Layers in int8: weights symmetric with one scale, biases int32 with the product of both scales."""

    def __init__(self, graph: GraphBuilder) -> None:
        self._graph = graph

    def embedding(self, place: int, values: int) -> int:
        graph, own = self._graph, self._graph.quantization(place)
        if graph.dtype(place) == "uint8":
            # The same real values: int8 is uint8 less 128.
            own = own._replace(zero_point=own.zero_point - 128)
            output = graph.tensor("embedding/int8", graph.shape(place), "int8", own)
            place = graph.operator("QUANTIZE", [place], output)
        return _as_row(graph, place, values, "int8", own)

    def tensor(self, name: str, shape: tuple[int, ...], scale: float, zero: int) -> int:
        return self._graph.tensor(name, shape, "int8", _one(scale, zero))

    def dense(self, name: str, x: int, weights: Matrix, bias: Matrix | None, limits: Limits) -> int:
        graph = self._graph
        step = max(float(np.abs(weights).max()) / 127, 1e-9)
        steps = quantize(weights, step, 0, "int8")
        inputs = [x, graph.constant(f"{name}/weights", np.maximum(steps, -127), _one(step, 0))]
        if bias is not None:
            product = step * float(graph.quantization(x).scale[0])
            inputs.append(
                graph.constant(f"{name}/bias", quantize(bias, product, 0, "int32"), _one(product, 0))
            )
        output = self.tensor(name, (1, len(weights)), *(_with_margin(*limits) if limits else _UNIT))
        return graph.operator("FULLY_CONNECTED", inputs, output, dense_options())


def _as_row(graph: GraphBuilder, place: int, values: int, dtype: str, own: Quantization | None) -> int:
    """Return a tensor as (1, values)."""
    shape = (1, values)
    if graph.shape(place) == shape:
        return place
    wanted = graph.constant("embedding/shape", np.array(shape, np.int32))
    row = graph.tensor("embedding/row", shape, dtype, own)
    return graph.operator("RESHAPE", [place, wanted], row, reshape_options(shape))


def _one(scale: float, zero: int) -> Quantization:
    return Quantization(np.array([scale], np.float32), np.array([zero], np.int64))


def _with_margin(low: float, high: float) -> tuple[float, int]:
    return int8_affine(low * _MARGIN, high * _MARGIN)
