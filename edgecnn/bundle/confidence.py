"""The temperature of scores, and the threshold below which the answer is `unknown`.

A bundle's manifest may have the table `confidence`, written by the trainer for each variant::

    "confidence": {
      "variants": {"int8": {"temperature": 1.31, "threshold": 0.62, "nearness": 0.55, …}, "float32": {…}},
      "unknown": {"background": "background" or null, "nearness": "nearness", …}
    }

`nearness` is for models with a second output that has the cosines of an image's embedding with prototypes of
the classes; the largest one is the image's nearness. `unknown.nearness` is the name of the output, and each
variant may have a threshold.

The runtime reads the keys above; the rest of the table is what was measured, for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from edgecnn.io.checked_json import Field
    from edgecnn.tflite.file import Tensor

# Beyond these limits a temperature makes one score 1, or all scores equal.
TEMPERATURES = (0.05, 20.0)


class Confidence(NamedTuple):
    """How one variant's outputs become scores and answers.

    Attributes
    ----------
    temperature
        Divides the logits before softmax; 1 leaves the model's own probabilities as they are.
    threshold
        The answer is unknown if the best score is below it; 0 for never.
    background
        The index of the class that stands for everything else: if it is best, the answer is unknown.
    nearness
        The answer is unknown if the image's nearness is below it, −1 to 1; None for never.
    """

    temperature: float = 1.0
    threshold: float = 0.0
    background: int | None = None
    nearness: float | None = None


def read_confidence(
    table: Field | None, labels: tuple[str, ...], variants: Iterable[str]
) -> dict[str, Confidence]:
    """Return each variant's confidence from a manifest's table; nothing if it has none.

    Raises JsonError for a value that is missing or wrong.
    """
    if table is None or table.value is None:
        return {}
    background, index = table("unknown")("background"), None
    if background.value is not None:
        if background.value not in labels:
            raise background.wrong("one of the labels, or null")
        index = labels.index(background.value)
    found = {}
    for name in variants:
        entry = table("variants")(name)
        near = entry.find("nearness")
        if near is not None and near.value is not None and read_nearness(table) is None:
            raise near.wrong(f"none, since {table.place}.unknown.nearness names no output")
        found[name] = Confidence(
            entry("temperature").number(*TEMPERATURES),
            entry("threshold").number(0, 1),
            index,
            None if near is None or near.value is None else near.number(-1, 1),
        )
    return found


def read_nearness(table: Field | None) -> str | None:
    """Return the name of the output with the nearness from a manifest's table; None if it names none.

    Raises JsonError for anything but a name.
    """
    if table is None or table.value is None:
        return None
    name = table("unknown").find("nearness")
    return None if name is None or name.value is None else name.text()


def temper(probabilities: NDArray[np.floating[Any]], temperature: float, floor: float) -> NDArray[np.float64]:
    """Return softmax(log(p) / temperature) over the last axis: temperature scaling of probabilities.

    A softmax's probabilities are the exponentials of its logits up to a factor, so this is softmax(logits /
    temperature) (Guo et al. 2017, https://arxiv.org/abs/1706.04599), without the logits. The order of the
    classes stays.

    Parameters
    ----------
    floor
        Replaces smaller probabilities; see `smallest`.
    """
    powers = np.maximum(np.asarray(probabilities, np.float64), floor) ** (1 / temperature)
    scores: NDArray[np.float64] = powers / np.add.reduce(powers, axis=-1, keepdims=True)
    return scores


def smallest(output: Tensor) -> float:
    """Return the value that replaces a probability of zero.

    A quantized zero is anything below half a step, so it counts as half a step, the most that it can be: its
    class stays possible, and more such classes mean more doubt. A float zero is smaller than any float32 and
    stays next to zero.
    """
    return output.scale / 2 if output.dtype != "float32" else float(np.finfo(np.float64).tiny)
