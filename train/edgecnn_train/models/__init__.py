"""The families of networks: functions that return a Keras model."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import keras

from edgecnn.errors import RecipeError
from edgecnn_train.models.layers import POOL, head
from edgecnn_train.registry import FAMILIES, TRUNKS, load

if TYPE_CHECKING:
    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn_train.recipe import ModelSpec

__all__ = ["FAMILIES", "build", "trunk_layers"]


def build(spec: ModelSpec, image: InputSpec, classes: int) -> Any:
    """Return the recipe's network: float32 images (H×W×C, in their range) in, softmax over `classes` out.

    Raises RecipeError where the network does not fit the image's size, or for a trunk that can't be had.
    """
    if trunk := TRUNKS[spec.trunk]:
        if spec.cut > max(trunk.cuts):
            raise RecipeError(f"model.cut is {spec.cut}, expected 0 to {max(trunk.cuts)} for {spec.trunk}")
        features = load(trunk.code)(spec, image)
        return keras.Model(features.inputs, head(features.outputs[0], spec, classes), name=spec.trunk)
    return FAMILIES[spec.family](spec, image, classes)


def trunk_layers(model: Any, spec: ModelSpec) -> tuple[str, ...]:
    """Return the names of a trunk's layers that have weights, from the input on; none without a trunk."""
    if spec.trunk == "none":
        return ()
    layers = itertools.takewhile(lambda layer: layer.name != POOL, model.layers)
    return tuple(layer.name for layer in layers if layer.weights)


FAMILIES.require()
