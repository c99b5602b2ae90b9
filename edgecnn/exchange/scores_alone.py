"""Drops the nearness from a model for other programs, which take one output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.tflite.cut import cut_graph
from edgecnn.tflite.file import read_tflite
from edgecnn.tflite.writer import pack_model, unpack_model

if TYPE_CHECKING:
    from edgecnn.bundle.bundle import Model


def with_scores_alone(model: Model) -> Model:
    """Return a model without the output that has the nearness, and without what only computes that.

    Scores do not change; labels and metadata inside the file are dropped. A model without nearness, or one
    that was compiled for an accelerator, is returned unchanged.
    """
    if model.nearness is None or model.compiled_for:
        return model
    graph = cut_graph(unpack_model(model.data), [model.file.output_places[0]])
    data = pack_model(graph)
    file = read_tflite(data, model.name)._replace(inputs=model.file.inputs)
    return model.without_nearness()._replace(data=data, file=file)


def note_on_nearness(model: Model) -> str:
    """Return what an export does with the nearness, in one line; "" for a model without."""
    if model.nearness is None:
        return ""
    name = f"{model.name} {model.variant}"
    if model.compiled_for:
        return (
            f"{name} was compiled for the {model.compiled_for} and keeps its second output, the nearness, "
            "which many programs refuse: export the variant that it was compiled from"
        )
    return (
        f"the file has the scores of {name} and not its nearness, since other programs take one output: "
        "they give each image a class, also one of other things"
    )
