"""The textbook's network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from edgecnn.errors import RecipeError
from edgecnn_train.models.layers import image_input, scaled
from edgecnn_train.registry import ACTIVATIONS

if TYPE_CHECKING:
    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn_train.recipe import ModelSpec


def classic(spec: ModelSpec, image: InputSpec, classes: int) -> Any:
    """Return the textbook's CNN: alternating convolutions and pooling, then dense layers (LeCun et al. 1998).

    With 28×28×1, filters 32 and 64 and one dense layer of 64 it is the classic
    Conv32–Pool–Conv64–Pool–Flatten–Dense64–Dense10.
    """
    filters = spec.filters or default_filters(min(image.width, image.height), spec.kernel)
    pool = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}[spec.pool]
    kind = ACTIVATIONS[spec.activation]
    x = inputs = image_input(image)
    for i, count in enumerate(filters, 1):
        if min(x.shape[1], x.shape[2]) <= spec.kernel:
            raise RecipeError(
                f"{len(filters)} convolutions of {spec.kernel}×{spec.kernel} are too many for "
                f"{image.width}×{image.height} pixels: change model.filters or model.kernel"
            )
        x = keras.layers.Conv2D(
            scaled(count, spec.width),
            spec.kernel,
            activation=kind,
            name=f"conv{i}",
        )(x)
        x = pool(2, name=f"pool{i}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for i, units in enumerate([scaled(d, spec.width) for d in spec.dense], 1):
        x = keras.layers.Dense(units, activation=kind, name=f"dense{i}")(x)
    if spec.dropout:
        x = keras.layers.Dropout(spec.dropout, seed=0, name="dropout")(x)
    outputs = keras.layers.Dense(classes, activation="softmax", name="probability")(x)
    return keras.Model(inputs, outputs, name="classic")


def default_filters(side: int, kernel: int) -> tuple[int, ...]:
    """Return as many convolutions as bring the map to six pixels or less: 32, 64 for 28×28."""
    depth = 0
    while side > max(6, kernel):
        side = (side - kernel + 1) // 2
        depth += 1
    widths = (32, 64) if depth <= 2 else (16, 32) + (64,) * (depth - 2)
    return widths[:depth]
