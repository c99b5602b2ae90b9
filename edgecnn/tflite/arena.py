"""The memory that a model's activations take, planned as interpreters do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgecnn.tflite.file import ITEM_BYTES

if TYPE_CHECKING:
    from edgecnn.tflite.file import Tensor, TfliteFile

# TensorFlow Lite aligns tensors to so many bytes.
ALIGNMENT = 64


def arena_bytes(file: TfliteFile) -> int:
    """Return the size of the planned arena of activations in bytes, without weights.

    Greedy by size (Pisarchyk & Lee 2020, as in TensorFlow Lite's arena planner): the largest tensor first,
    each at the lowest offset that is free during its lifetime: from the operator that writes it to the last
    one that reads it. Delegates such as XNNPACK have their own plan, of about the same size.
    """
    lives = _lives(file)
    placed: list[tuple[int, int, int, int]] = []
    for index in sorted(lives, key=lambda i: (-_bytes(file.tensors[i]), i)):
        size, (first, last) = _bytes(file.tensors[index]), lives[index]
        offset = 0
        for start, end, born, gone in sorted(placed):
            if born <= last and first <= gone and start < offset + size:
                offset = max(offset, end)
        placed.append((offset, offset + size, first, last))
    return max((end for _, end, _, _ in placed), default=0)


def _lives(file: TfliteFile) -> dict[int, tuple[int, int]]:
    """Return the lifetime of each activation: its first and last operator."""
    lives: dict[int, tuple[int, int]] = {}
    for step, operator in enumerate(file.graph):
        for index in (*operator.inputs, *operator.outputs):
            if not file.tensors[index].constant:
                lives[index] = (lives.get(index, (step, step))[0], step)
    outputs = {t.name for t in file.outputs}
    return {
        i: (first, len(file.graph) if file.tensors[i].name in outputs else last)
        for i, (first, last) in lives.items()
    }


def _bytes(tensor: Tensor) -> int:
    size = math.prod(tensor.shape) * ITEM_BYTES.get(tensor.dtype, 4)
    return -(-size // ALIGNMENT) * ALIGNMENT
