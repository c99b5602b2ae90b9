"""Residual networks for small images (He et al. 2016, section 4.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras

from edgecnn_train.models.layers import activation, check_stages, convolution, head, image_input, scaled

if TYPE_CHECKING:
    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn_train.recipe import ModelSpec

_FILTERS = (16, 32, 64)


def resnet8(spec: ModelSpec, image: InputSpec, classes: int) -> Any:
    """Return one block of 16, of 32 and of 64 filters: the size of MLPerf Tiny's image classifier."""
    return resnet(replace(spec, filters=spec.filters or _FILTERS, blocks=(1, 1, 1)), image, classes)


def resnet20(spec: ModelSpec, image: InputSpec, classes: int) -> Any:
    """Return three blocks of 16, of 32 and of 64 filters: the paper's smallest network for CIFAR-10."""
    return resnet(replace(spec, filters=spec.filters or _FILTERS, blocks=(3, 3, 3)), image, classes)


def resnet(spec: ModelSpec, image: InputSpec, classes: int) -> Any:
    """Return a residual network with `blocks[i]` blocks of `filters[i]` filters in each stage.

    The stem has `filters[0]` filters and the stride `stem_stride`; each stage but the first halves the
    image in its first block. A first stage of no blocks is the stem alone, so that the network halves the
    image immediately.
    """
    filters, blocks = spec.filters or _FILTERS, spec.blocks or (1,) * len(spec.filters or _FILTERS)
    check_stages(filters, blocks)
    inputs = image_input(image)
    stem = scaled(filters[0], spec.width)
    x = convolution(inputs, stem, spec.kernel, spec.stem_stride, spec.activation, "stem")
    for stage, (count, depth) in enumerate(zip(filters, blocks, strict=True), 1):
        for block in range(1, depth + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            name = f"stage{stage}_block{block}"
            x = _block(x, scaled(count, spec.width), stride, spec, name)
    return keras.Model(inputs, head(x, spec, classes), name=spec.family)


def _block(x: Any, filters: int, stride: int, spec: ModelSpec, name: str) -> Any:
    """Two convolutions and a shortcut, which is a 1×1 convolution where the shape changes."""
    y = convolution(x, filters, spec.kernel, stride, spec.activation, f"{name}_conv1")
    y = convolution(y, filters, spec.kernel, 1, "linear", f"{name}_conv2")
    if stride != 1 or x.shape[-1] != filters:
        x = convolution(x, filters, 1, stride, "linear", f"{name}_shortcut")
    x = keras.layers.Add(name=f"{name}_add")([x, y])
    return activation(x, f"{name}_{spec.activation}", spec.activation)
