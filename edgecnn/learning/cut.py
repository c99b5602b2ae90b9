"""Where a network ends and its classes begin: the tensor that a trunk is cut at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.errors import ModelError
from edgecnn.io.nearby import nearest
from edgecnn.io.printable import printable

if TYPE_CHECKING:
    from edgecnn.tflite.file import Operator, TfliteFile

# These keep the number of values, or turn them into scores: they stand between pooling and the output.
_PASSED = frozenset(
    {"SOFTMAX", "LOGISTIC", "DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE", "L2_NORMALIZATION", "TANH"}
)
_POOLING = frozenset({"MEAN", "AVERAGE_POOL_2D", "MAX_POOL_2D", "REDUCE_MAX"})
# Those of a head: dense layers, also as convolutions of one pixel.
_HEAD = frozenset({"FULLY_CONNECTED", "CONV_2D"})
_MOST_VALUES = 16_384
_NAMED = 6


def find_cut(file: TfliteFile, source: str, name: str | None = None) -> int:
    """Return the place of the last pooled tensor before a network's classes, or of the tensor called `name`.

    Raises
    ------
    ModelError
        Where there is none, with the reason.
    """
    if name is not None:
        return _named(file, source, name)
    place, seen = file.output_places[0], set[int]()
    while place not in seen:
        seen.add(place)
        step = file.writer(place)
        if step is None:
            break
        if step.name in _POOLING and _is_vector(file, place):
            return _checked(file, place, source)
        if step.name not in _PASSED | _HEAD or not _is_vector(file, place):
            raise ModelError(
                f"{source} has nothing to cut: before its classes comes {step.name} with "
                f"{_shape(file, place)} values, expected a pooled tensor (MEAN or AVERAGE_POOL_2D over the "
                f"whole image); {_say_which(source)}"
            )
        place = _data_input(file, step)
    raise ModelError(f"{source} has nothing to cut: no layer of it pools; {_say_which(source)}")


def _named(file: TfliteFile, source: str, name: str) -> int:
    for place, tensor in enumerate(file.tensors):
        if tensor.name == name and not tensor.constant and place not in file.input_places:
            return _checked(file, place, source)
    fit = [t.name for t in file.tensors if not t.constant and t.size <= _MOST_VALUES]
    near = nearest(name, fit)
    named = (
        f"did you mean {near!r}?" if near else f"the last ones that it computes: {', '.join(fit[-_NAMED:])}"
    )
    raise ModelError(f"{source} has no tensor {printable(name)!r}; {named}")


def _checked(file: TfliteFile, place: int, source: str) -> int:
    tensor = file.tensors[place]
    if tensor.size > _MOST_VALUES:
        raise ModelError(
            f"{source}: {tensor.name} has {tensor.size:,} values, expected at most {_MOST_VALUES:,} to learn "
            "from: cut behind a layer that pools (--cut TENSOR)"
        )
    if tensor.dtype not in ("int8", "uint8", "float32"):
        raise ModelError(f"{source}: {tensor.name} is {tensor.dtype}, expected int8, uint8 or float32")
    return place


def _data_input(file: TfliteFile, step: Operator) -> int:
    """Return the one input of an operator that is computed."""
    return next((k for k in step.inputs if not file.tensors[k].constant), -1)


def _is_vector(file: TfliteFile, place: int) -> bool:
    shape = file.tensors[place].shape
    return bool(shape) and file.tensors[place].size == shape[-1]


def _shape(file: TfliteFile, place: int) -> str:
    return "×".join(map(str, file.tensors[place].shape))


def _say_which(source: str) -> str:
    return f"say where by --cut TENSOR (Netron shows the names in {source}), or take another trunk"
