"""The layers of all families: each gets a name that says where it is in the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from edgecnn.errors import RecipeError
from edgecnn_train.registry import ACTIVATIONS

if TYPE_CHECKING:
    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn_train.recipe import ModelSpec


# The layer after a network's last feature maps, whose output is the embedding.
POOL = "global_pool"


def image_input(image: InputSpec) -> Any:
    """Return the input layer: float32 N×H×W×C, 0 to 1."""
    return keras.Input((image.height, image.width, 1 if image.color == "gray" else 3), name="image")


def scaled(channels: int, width: float, divisor: int = 8) -> int:
    """Return `channels` times `width`, a multiple of 8 and at most a tenth below (Howard et al. 2017)."""
    if width == 1:
        return channels
    wanted = channels * width
    rounded = max(divisor, int(wanted + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * wanted else rounded


def check_stages(filters: tuple[int, ...], blocks: tuple[int, ...]) -> None:
    """Raise RecipeError unless every stage has both its filters and its number of blocks."""
    if len(filters) != len(blocks):
        raise RecipeError(
            f"model.filters has {len(filters)} stages and model.blocks {len(blocks)}: give as many of each"
        )


def activation(x: Any, name: str, kind: str) -> Any:
    """Apply an activation by its recipe name; `linear` changes nothing."""
    if kind == "linear":
        return x
    if kind == "relu":
        return keras.layers.ReLU(name=name)(x)
    return keras.layers.Activation(ACTIVATIONS[kind], name=name)(x)


def convolution(x: Any, filters: int, kernel: int, stride: int, kind: str, name: str) -> Any:
    """Convolution, batch normalization (Ioffe & Szegedy 2015) and activation."""
    x = keras.layers.Conv2D(
        filters, kernel, stride, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)
    x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
    return activation(x, f"{name}_{kind}", kind)


def depthwise(x: Any, kernel: int, stride: int, kind: str, name: str) -> Any:
    """Depthwise convolution (one filter a channel), batch normalization and activation."""
    x = keras.layers.DepthwiseConv2D(
        kernel, stride, padding="same", use_bias=False, depthwise_initializer="he_normal", name=name
    )(x)
    x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
    return activation(x, f"{name}_{kind}", kind)


def head(x: Any, spec: ModelSpec, classes: int) -> Any:
    """Global average pooling (Lin et al. 2014), dropout, and softmax over the classes."""
    x = keras.layers.GlobalAveragePooling2D(name=POOL)(x)
    if spec.dropout:
        x = keras.layers.Dropout(spec.dropout, seed=0, name="dropout")(x)
    return keras.layers.Dense(classes, activation="softmax", name="probability")(x)
