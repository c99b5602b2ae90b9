"""The layouts of outputs: probabilities, logits, or an independent probability for each class.

Usually the graph shows which one a model has: it ends in a softmax, a sigmoid or neither. Otherwise, such as
after operators that mix probabilities, the outputs for generated inputs show it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from edgecnn.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.tflite.file import Operator, Tensor, TfliteFile

Scores = Literal["probabilities", "logits", "multi-label"]
SCORES: tuple[Scores, ...] = get_args(Scores)
ASK_FOR_SCORES = f"say --scores {', --scores '.join(SCORES[:-1])} or --scores {SCORES[-1]}"
# The score that a class of a multi-label model needs, unless its bundle or the user sets another.
MULTI_LABEL_THRESHOLD = 0.5
# By layout: how it is used, and the options that change it, as a notice has them.
_NOTICES: dict[Scores, tuple[str, str]] = {
    "probabilities": ("they are taken for probabilities", "--scores logits or multi-label"),
    "logits": ("softmax is applied to them", "--scores probabilities"),
    "multi-label": (
        f"a class is found where its score reaches {MULTI_LABEL_THRESHOLD:g}",
        "--scores probabilities for one class an image",
    ),
}

# Operators that change the shape, order or type of values; that select some of them.
_SHAPING = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "DEQUANTIZE", "QUANTIZE", "CAST", "TRANSPOSE")
_TAKING = ("STRIDED_SLICE", "SLICE", "GATHER", "UNPACK", "SPLIT")
_JOINING = ("PACK", "CONCATENATION")
# Operators that leave values between 0 and 1 unchanged; that average them.
_CLIPPING = ("MINIMUM", "MAXIMUM", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1")
_AVERAGING = ("MEAN", "AVERAGE_POOL_2D")
# Operators that write values of any size: logits, if nothing follows.
_WEIGHING = (
    "FULLY_CONNECTED",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "TRANSPOSE_CONV",
    "BATCH_MATMUL",
    "LOG_SOFTMAX",
)
_ADDING = ("ADD", "SUB", "MUL", "DIV")
# The kinds of values that operators with several inputs keep.
_KEPT_BY = (
    dict.fromkeys(_ADDING, ("linear",))
    | dict.fromkeys(_JOINING, ("linear", "sigmoid", "softmax"))
    | dict.fromkeys(_AVERAGING, ("linear", "sigmoid", "softmax", "joined"))
)
_DEEPEST = 64
# How far a sum of probabilities may differ from 1, and values from the range 0 to 1.
_FLOAT_TOLERANCE, _MOST_TOLERANCE = 1e-3, 0.3


class Found(NamedTuple):
    """The layout of an output (None if it is unknown), and the reason; `sure` if the graph shows it."""

    scores: Scores | None
    reason: str
    sure: bool = True


def scores_notice(found: Found) -> str:
    """Return what was inferred about the scores, and the option that changes it."""
    use, others = _NOTICES[found.scores or "logits"]
    return f"{found.reason}; {use}; {others} says otherwise"


def classes_of(tensor: Tensor) -> int:
    """Return the number of classes that an output separates: one value separates two."""
    return 2 if tensor.size == 1 else tensor.size


def scores_of_graph(file: TfliteFile) -> Found:
    """Find the layout of a classifier's output by its graph. Raises ModelError if it has no scores."""
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
            "multi-label", f"its graph ends in a sigmoid of {output.size} values: each class on its own"
        )
    elif kind == "linear":
        return Found("logits", f"its graph ends in {last} without a softmax")
    elif kind == "hidden":
        return _of_hidden(file.tensors[source])
    return Found(None, f"its graph ends in {file.operators[-1] if file.graph else 'nothing'}", sure=False)


def _of_hidden(written: Tensor) -> Found:
    """Find the layout by the quantization of a compiled operator's output."""
    if (written.scale, written.zero_point) in {(1 / 256, 0), (1 / 256, -128)}:
        return Found(
            "probabilities", "its output has steps of 1/256 from 0 on, as probabilities have", sure=False
        )
    return Found("logits", "its output has other steps than probabilities have", sure=False)


class _Walk:
    """Goes back from a tensor to the operator that computed its values."""

    def __init__(self, file: TfliteFile) -> None:
        self._file = file
        self._known: dict[int, tuple[str, Operator | None, int]] = {}

    def origin(self, place: int, depth: int = 0) -> tuple[str, Operator | None, int]:
        """Return `softmax`, `sigmoid`, `linear`, `hidden` or "", the operator, and the tensor it writes."""
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
        """Return the origin that all inputs of an operator share, if the operator keeps it.

        Several softmaxes that are concatenated are `joined`, until they are averaged.
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
    """Find the layout by the outputs for some inputs.

    Parameters
    ----------
    outputs
        Real values, float32 (inputs, values).
    step
        The scale of a quantized output; 0 for float.
    """
    import numpy as np  # the help of `--scores` does without

    values = np.asarray(outputs, np.float64)
    if not np.isfinite(values).all():
        return Found(None, "its outputs for generated inputs are NaN or infinite", sure=False)
    low, high = float(values.min()), float(values.max())
    allowed = max(_FLOAT_TOLERANCE, min(_MOST_TOLERANCE, step * math.sqrt(values.shape[1])))
    if low < -_FLOAT_TOLERANCE or high > 1 + max(_FLOAT_TOLERANCE, step):
        beyond = f"from {low:.3g} to {high:.3g}"
        return Found("logits", f"its outputs for generated inputs reach {beyond}", sure=False)
    if values.shape[1] == 1:
        return Found("probabilities", "its one output lies between 0 and 1: two classes", sure=False)
    difference = float(np.abs(values.sum(axis=1) - 1).max())
    if difference <= allowed:
        return Found(
            "probabilities", "its outputs for generated inputs are 0 or more and sum to one", sure=False
        )
    return Found(
        None,
        f"its outputs for generated inputs lie between 0 and 1, with sums up to {difference:.2g} off 1",
        sure=False,
    )
