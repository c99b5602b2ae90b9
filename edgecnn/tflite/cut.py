"""Cuts a graph: keeps what leads to the wanted tensors, and drops the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def cut_graph(model: Any, outputs: Sequence[int]) -> Any:
    """Return a model (the schema's `ModelT`, changed in place) that computes these tensors and no others.

    Operators, tensors, buffers and codes that nothing needs are dropped, and so are further graphs, metadata
    and signatures, which describe the whole model.

    Parameters
    ----------
    outputs
        The places of the tensors in the first graph, which are its outputs then, in this order.
    """
    graph = model.subgraphs[0]
    needed = set(outputs)
    steps: list[Any] = []
    for step in reversed(graph.operators):
        if needed & set(map(int, step.outputs)):
            steps.insert(0, step)
            needed |= {int(k) for k in step.inputs if k >= 0}
    used = needed | {int(k) for step in steps for k in step.outputs} | set(map(int, graph.inputs))
    graph.operators = steps
    places = _renumber(used)
    graph.tensors = [graph.tensors[k] for k in places]
    graph.inputs, graph.outputs = _moved(graph.inputs, places), _moved(outputs, places)
    for step in steps:
        step.inputs, step.outputs = _moved(step.inputs, places), _moved(step.outputs, places)
    codes = _renumber({step.opcodeIndex for step in steps})
    model.operatorCodes = [model.operatorCodes[k] for k in codes]
    for step in steps:
        step.opcodeIndex = codes[step.opcodeIndex]
    # The first buffer is empty and stands for no content.
    buffers = _renumber({0, *(tensor.buffer for tensor in graph.tensors)})
    model.buffers = [model.buffers[k] for k in buffers]
    for tensor in graph.tensors:
        tensor.buffer = buffers[tensor.buffer]
    # Other graphs are those of control flow, and their places are not renumbered.
    del model.subgraphs[1:]
    model.metadata = model.metadataBuffer = model.signatureDefs = None
    return model


def _renumber(places: Iterable[int]) -> dict[int, int]:
    """Return the new number of each old one, in their order."""
    return {old: new for new, old in enumerate(sorted(places))}


def _moved(places: Iterable[int], new: dict[int, int]) -> Any:
    """Return places under their new numbers; −1 stands for a missing input and stays."""
    return np.array([new[int(k)] if k >= 0 else -1 for k in places], np.int32)
