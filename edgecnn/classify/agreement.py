"""Whether an engine with kernels of its own answers as LiteRT does, compared once on each machine.

int8 kernels of different libraries round differently, by a step here and there. A softmax magnifies that:
where the steps before it are 0.15 wide, one of them moves a probability by up to ten of its 256 steps. So
int8 is compared before the softmax, by the root mean square over the eight golden images. Measured for nine
models: LiteRT's own reference kernels are 0 to 1.7 steps from its fast ones, and OpenVINO with VNNI 0 to 1.5.
Without VNNI its sums of two products saturate at 16 bits: 2.1 to 9.1 steps for four of these models, of which
`waste` named 58 % of its test photos right instead of 91 %.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.classify.golden import golden_inputs
from edgecnn.engine import REFERENCE, engine_version, open_engine
from edgecnn.errors import AnswerError
from edgecnn.image.preprocess import Preprocessor
from edgecnn.io.cache import Cache
from edgecnn.io.printable import printable
from edgecnn.machine.processor import describe_processor
from edgecnn.tflite.cut import cut_graph
from edgecnn.tflite.file import read_tflite
from edgecnn.tflite.writer import pack_model, unpack_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.bundle.bundle import Model
    from edgecnn.tflite.file import TfliteFile

MOST_STEPS = 2.0
# Of the largest value of an output, or of 1 where that is smaller.
MOST_DIFFERENCE = 1e-3
# In a child process: only a hang takes so long.
_PATIENCE_MS = 20_000.0
# What stands between the values that int8 computes and the output.
_SQUASHING = ("SOFTMAX", "LOGISTIC", "TANH")
_SHAPING = ("RESHAPE", "SQUEEZE", "QUANTIZE", "DEQUANTIZE")
_INTEGERS = ("int8", "uint8")
_LONGEST = 200


def require_agreement(model: Model, spec: str, *, apart: bool = False) -> None:
    """Compare an engine's answers to the eight golden images with LiteRT's.

    The result is cached by the model's hash and input size, both versions and the processor.

    Parameters
    ----------
    apart
        Whether both run in child processes.

    Raises
    ------
    AnswerError
        Where they differ by more than two int8 steps, or by a thousandth in float, with the figure.
    """
    cache = Cache("agreement")
    versions = f"{engine_version(spec)} {REFERENCE} {engine_version(REFERENCE)}"
    size = "×".join(map(str, model.inputs[0].shape))
    key = f"{hashlib.sha256(model.data).hexdigest()} {size} {spec} {versions} {describe_processor()}"
    differs = _remembered(cache.get(key))
    if differs is None:
        differs = _compare(model, spec, _PATIENCE_MS if apart else None)
        cache.put(key, {"differs": differs})
    if differs:
        raise AnswerError(
            f"{spec} answers {model.name} {model.variant} differently from {REFERENCE}: {differs}; take "
            f"--engine {REFERENCE}, and see docs/engines.md for models that both run"
        )


def _remembered(kept: dict[str, Any] | None) -> str | None:
    """Return what is cached, "" for no difference; None for anything else, which is compared again."""
    match kept:
        case {"differs": str(text)}:
            return printable(text[:_LONGEST])
    return None


def _compare(model: Model, spec: str, deadline_ms: float | None) -> str:
    """Return by how much the answers differ; "" where they agree."""
    model = _before_squashing(model)
    prepare = Preprocessor(model.input, model.file.inputs[0])
    with (
        open_engine(REFERENCE, model, 1, deadline_ms, probed=True) as reference,
        open_engine(spec, model, 1, deadline_ms, probed=True) as engine,
    ):
        ours: list[list[NDArray[Any]]] = []
        for image in golden_inputs(model.input):
            tensor = prepare(image)
            reference.invoke(tensor)
            engine.invoke(tensor)
            ours.append([_pair(reference.read(k), engine.read(k)) for k in range(len(model.outputs))])
    for place, output in enumerate(model.outputs):
        expected, found = np.concatenate([pairs[place] for pairs in ours], axis=1)
        if output.dtype in _INTEGERS:
            steps = float(np.sqrt(np.mean((found - expected) ** 2)))
            if not steps <= MOST_STEPS:
                return f"by {steps:.1f} int8 steps (root mean square), expected at most {MOST_STEPS:g}"
        else:
            largest = float(np.max(np.abs(found - expected)))
            if not largest <= MOST_DIFFERENCE * max(1.0, float(np.max(np.abs(expected)))):
                return f"by up to {largest:.2g}, expected at most {MOST_DIFFERENCE:g}"
    return ""


def _pair(expected: NDArray[Any], found: NDArray[Any]) -> NDArray[np.float64]:
    """Return both as float64, (2, values); `found` may be overwritten afterwards."""
    return np.stack([expected.reshape(-1), found.reshape(-1)]).astype(np.float64)


def _before_squashing(model: Model) -> Model:
    """Return the model with int8 outputs as they are before their softmax or sigmoid, if they have one."""
    places = [_computed(model.file, place) for place in model.file.output_places]
    if places == list(model.file.output_places):
        return model
    data = pack_model(cut_graph(unpack_model(model.data), places))
    return model._replace(data=data, file=read_tflite(data, model.name))


def _computed(file: TfliteFile, output: int) -> int:
    """Return the tensor before an integer output's softmax or sigmoid; without one, the output."""
    place = output
    while file.tensors[place].dtype in _INTEGERS and (step := file.writer(place)) is not None:
        if step.name in _SQUASHING and file.tensors[step.inputs[0]].dtype in _INTEGERS:
            return step.inputs[0]
        if step.name not in _SHAPING:
            break
        place = step.inputs[0]
    return output
