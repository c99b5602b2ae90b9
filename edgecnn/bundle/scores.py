"""What the numbers that a model gives are: probabilities, logits, or a probability of each class by itself.

The graph tells it where it ends in a softmax, a sigmoid or neither. Where it does not, as after operators
that mix probabilities, the outputs for generated inputs tell it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from edgecnn.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.tflite.file import Operator, Tensor, TfliteFile

Scores = Literal["probabilities", "logits", "multi-label"]
SCORES = ("probabilities", "logits", "multi-label")
# Where a class of a multi-label model counts as found, unless its bundle or a person says otherwise.
MULTI_LABEL_THRESHOLD = 0.5

# Operators that change the shape, the order or the type of values, or take some of them.
_SHAPING = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "DEQUANTIZE", "QUANTIZE", "CAST", "TRANSPOSE")
_TAKING = ("STRIDED_SLICE", "SLICE", "GATHER", "UNPACK", "SPLIT")
_JOINING = ("PACK", "CONCATENATION")
# What leaves values between 0 and 1 as they are, or averages them.
_CLIPPING = ("MINIMUM", "MAXIMUM", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1")
_AVERAGING = ("MEAN", "AVERAGE_POOL_2D")
# What gives values of any size: logits, where nothing follows.
_WEIGHING = (
    "FULLY_CONNECTED",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "TRANSPOSE_CONV",
    "BATCH_MATMUL",
    "LOG_SOFTMAX",
)
_ADDING = ("ADD", "SUB", "MUL", "DIV")
# The origins that operators on several values keep.
_KEPT_BY = (
    dict.fromkeys(_ADDING, ("linear",))
    | dict.fromkeys(_JOINING, ("linear", "sigmoid", "softmax"))
    | dict.fromkeys(_AVERAGING, ("linear", "sigmoid", "softmax", "joined"))
)
_DEEPEST = 64
# How far a sum of probabilities may be off one, and values off the range from 0 to 1.
_FLOAT_TOLERANCE, _MOST_TOLERANCE = 1e-3, 0.3


class Found(NamedTuple):
    """What the numbers are, None where it can't be told, and the reason; `sure` where the graph says it."""

    scores: Scores | None
    reason: str
    sure: bool = True


def classes_of(tensor: Tensor) -> int:
    """Return how many classes an output tells apart: one value stands for two."""
    return 2 if tensor.size == 1 else tensor.size


def scores_of_graph(file: TfliteFile) -> Found:
    """Tell what a classifier's output is from its graph; see `Found`. Raises ModelError for no scores."""
    place, output = file.output_places[0], file.outputs[0]
    kind, operator, source = _Walk(file).origin(place)
    last = operator.name if operator else ""
    if kind == "softmax" and operator is not None:
        whole = file.tensors[operator.outputs[0]].shape[-1:]
        if whole == (1,):
            raise ModelError("ends in a softmax of one value, which is always 1: train it with two classes")
        taken = any(op.name in _TAKING for op in file.graph[file.graph.index(operator) :])
        if whole == (output.size,) or taken:
            return Found("probabilities", "its graph ends in a softmax")
    elif kind == "sigmoid":
        if output.size == 1:
            return Found("probabilities", "its graph ends in a sigmoid of one value: two classes")
        return Found(
            "multi-label", f"its graph ends in a sigmoid of {output.size} values: each class by itself"
        )
    elif kind == "linear":
        return Found("logits", f"its graph ends in {last} without a softmax")
    elif kind == "hidden":
        return _of_hidden(file.tensors[source])
    return Found(None, f"its graph ends in {file.operators[-1] if file.graph else 'nothing'}", sure=False)


def _of_hidden(written: Tensor) -> Found:
    """Tell it by the quantization of what a compiled operator writes."""
    if (written.scale, written.zero_point) in {(1 / 256, 0), (1 / 256, -128)}:
        return Found(
            "probabilities", "its output has steps of 1/256 from 0 on, as probabilities have", sure=False
        )
    return Found("logits", "its output has other steps than probabilities have", sure=False)


class _Walk:
    """Goes back from a tensor to the operator that made its values what they are."""

    def __init__(self, file: TfliteFile) -> None:
        self._file = file
        self._known: dict[int, tuple[str, Operator | None, int]] = {}

    def origin(self, place: int, depth: int = 0) -> tuple[str, Operator | None, int]:
        """Return `softmax`, `sigmoid`, `linear`, `hidden` or "", the operator, and what it writes."""
        if place not in self._known:
            self._known[place] = ("", None, place)
            if depth < _DEEPEST:
                self._known[place] = self._origin(place, depth)
        return self._known[place]

    def _origin(self, place: int, depth: int) -> tuple[str, Operator | None, int]:
        operator = self._file.writer(place)
        if operator is None:
            return "", None, place
        direct = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid"} | dict.fromkeys(_WEIGHING, "linear")
        if operator.name in direct:
            return direct[operator.name], operator, place
        if operator.name.startswith(("edgetpu", "ethos")):
            return "hidden", operator, place
        computed = [k for k in operator.inputs if not self._file.tensors[k].constant]
        if operator.name in (*_SHAPING, *_TAKING, *_CLIPPING):
            return self.origin(computed[0], depth + 1) if computed else ("", None, place)
        if operator.name in (*_AVERAGING, *_JOINING, *_ADDING):
            return self._alike(operator.name, computed, place, depth)
        return "", None, place

    def _alike(self, name: str, places: list[int], at: int, depth: int) -> tuple[str, Operator | None, int]:
        """Return the origin that all inputs of an operator have, where the operator keeps it.

        Several softmaxes that were joined are `joined`, until they are averaged.
        """
        found = [self.origin(k, depth + 1) for k in places]
        kinds = {kind for kind, _, _ in found}
        if len(kinds) != 1 or not kinds <= {*_KEPT_BY[name]}:
            return "", None, at
        kind, operator, source = found[0]
        if name in _JOINING and kind == "softmax" and len(found) > 1:
            return "joined", operator, source
        return ("softmax" if kind == "joined" else kind), operator, source


def scores_of_outputs(outputs: NDArray[np.float32], step: float) -> Found:
    """Tell what a model gives from what it gave for some inputs.

    Parameters
    ----------
    outputs
        Real values, shape (inputs, values).
    step
        The step of a quantized output; 0 for float.
    """
    values = np.asarray(outputs, np.float64)
    if not np.isfinite(values).all():
        return Found(None, "it gives values for generated inputs that are no numbers", sure=False)
    low, high = float(values.min()), float(values.max())
    allowed = max(_FLOAT_TOLERANCE, min(_MOST_TOLERANCE, step * math.sqrt(values.shape[1])))
    if low < -_FLOAT_TOLERANCE or high > 1 + max(_FLOAT_TOLERANCE, step):
        beyond = f"from {low:.3g} to {high:.3g}"
        return Found("logits", f"its outputs for generated inputs reach {beyond}", sure=False)
    if values.shape[1] == 1:
        return Found("probabilities", "its one output lies between 0 and 1: two classes", sure=False)
    off = float(np.abs(values.sum(axis=1) - 1).max())
    if off <= allowed:
        return Found(
            "probabilities", "its outputs for generated inputs are 0 or more and sum to one", sure=False
        )
    return Found(
        None,
        f"its outputs for generated inputs lie between 0 and 1, with sums up to {off:.2g} off 1",
        sure=False,
    )
