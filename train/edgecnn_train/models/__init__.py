"""The families of networks: functions that return a Keras model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn_train.registry import FAMILIES

if TYPE_CHECKING:
    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn_train.recipe import ModelSpec

__all__ = ["FAMILIES", "build"]


def build(spec: ModelSpec, image: InputSpec, classes: int) -> Any:
    """Return the recipe's network: float32 images (H×W×C, 0 to 1) in, softmax over `classes` out.

    Raises RecipeError where the network does not fit the image's size.
    """
    return FAMILIES[spec.family](spec, image, classes)


FAMILIES.require()
