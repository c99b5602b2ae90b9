"""The families of networks: plain functions that return a Keras model, and the table of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn_train.models.classic import classic
from edgecnn_train.models.mobilenet import ds_cnn, mobilenet_v1, mobilenet_v2
from edgecnn_train.models.resnet import resnet, resnet8, resnet20

if TYPE_CHECKING:
    from edgecnn.bundle.convention import InputSpec
    from edgecnn_train.recipe import ModelSpec

FAMILIES = {
    "classic": classic,
    "resnet": resnet,
    "resnet8": resnet8,
    "resnet20": resnet20,
    "mobilenet_v1": mobilenet_v1,
    "mobilenet_v2": mobilenet_v2,
    "ds_cnn": ds_cnn,
}


def build(spec: ModelSpec, image: InputSpec, classes: int) -> Any:
    """Return the recipe's network: float32 pictures (H×W×C, 0 to 1) in, softmax over `classes` out.

    Raises RecipeError where the network does not fit the picture's size.
    """
    return FAMILIES[spec.family](spec, image, classes)
