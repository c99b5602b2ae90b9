"""Networks of depthwise separable convolutions: few multiplications for each filter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from edgecnn_train.models.layers import check_stages, convolution, depthwise, head, image_input, scaled

if TYPE_CHECKING:
    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn_train.recipe import ModelSpec

# Stride of the depthwise convolution and filters of the pointwise one.
_V1 = ((1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), *((1, 512),) * 5, (2, 1024), (1, 1024))
# Expansion, filters, repeats, first stride.
_V2 = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip
# Below this side an image is not halved any more.
_SMALLEST = 4


def mobilenet_v1(spec: ModelSpec, image: InputSpec, classes: int) -> Any:
    """Return MobileNet (Howard et al. 2017); for images below 96 pixels the first halvings are left out."""
    inputs = image_input(image)
    skip = _halvings_to_skip(image, 5)
    x = convolution(inputs, scaled(32, spec.width), 3, _stride(2, 1, skip), spec.activation, "stem")
    halvings = 1
    for i, (stride, filters) in enumerate(_V1, 1):
        halvings += stride == 2
        x = depthwise(x, spec.kernel, _stride(stride, halvings, skip), spec.activation, f"block{i}_depthwise")
        x = convolution(x, scaled(filters, spec.width), 1, 1, spec.activation, f"block{i}_pointwise")
    return keras.Model(inputs, head(x, spec, classes), name=spec.family)


def mobilenet_v2(spec: ModelSpec, image: InputSpec, classes: int) -> Any:
    """Return MobileNetV2 (Sandler et al. 2018): inverted residuals with linear bottlenecks."""
    inputs = image_input(image)
    skip = _halvings_to_skip(image, 5)
    x = convolution(inputs, scaled(32, spec.width), 3, _stride(2, 1, skip), spec.activation, "stem")
    halvings, number = 1, 0
    for expansion, filters, repeats, first in _V2:
        for repeat in range(repeats):
            number += 1
            stride = first if repeat == 0 else 1
            halvings += stride == 2
            x = _inverted(
                x, expansion, scaled(filters, spec.width), _stride(stride, halvings, skip), spec,
                f"block{number}",
            )  # fmt: skip
    x = convolution(x, scaled(1280, max(1.0, spec.width)), 1, 1, spec.activation, "last")
    return keras.Model(inputs, head(x, spec, classes), name=spec.family)


def ds_cnn(spec: ModelSpec, image: InputSpec, classes: int) -> Any:
    """Return a plain stack of depthwise separable convolutions (Zhang et al. 2017, "Hello Edge").

    `filters` are the stages (64, 64, 64, 64 if left out), with `blocks[i]` separable convolutions each; the
    stem halves the image where it is above 32 pixels, each stage but the first halves it.
    """
    filters = spec.filters or (64, 64, 64, 64)
    blocks = spec.blocks or (1,) * len(filters)
    check_stages(filters, blocks)
    inputs = image_input(image)
    stem = 2 if min(image.width, image.height) > 32 else 1
    x = convolution(inputs, scaled(filters[0], spec.width), 3, stem, spec.activation, "stem")
    for stage, (count, depth) in enumerate(zip(filters, blocks, strict=True), 1):
        for block in range(1, depth + 1):
            stride = 2 if stage > 1 and block == 1 and min(x.shape[1:3]) >= 2 * _SMALLEST else 1
            name = f"stage{stage}_block{block}"
            x = depthwise(x, spec.kernel, stride, spec.activation, f"{name}_depthwise")
            x = convolution(x, scaled(count, spec.width), 1, 1, spec.activation, f"{name}_pointwise")
    return keras.Model(inputs, head(x, spec, classes), name=spec.family)


def _inverted(x: Any, expansion: int, filters: int, stride: int, spec: ModelSpec, name: str) -> Any:
    """Widen, convolve each channel, narrow again without activation; add the input where shapes agree."""
    y = x
    if expansion != 1:
        y = convolution(y, int(x.shape[-1]) * expansion, 1, 1, spec.activation, f"{name}_expand")
    y = depthwise(y, spec.kernel, stride, spec.activation, f"{name}_depthwise")
    y = convolution(y, filters, 1, 1, "linear", f"{name}_project")
    if stride == 1 and int(x.shape[-1]) == filters:
        y = keras.layers.Add(name=f"{name}_add")([x, y])
    return y


def _halvings_to_skip(image: InputSpec, halvings: int) -> int:
    """Return how many of the first halvings an image is too small for."""
    side = min(image.width, image.height)
    return next(skip for skip in range(halvings + 1) if skip == halvings or side >> (halvings - skip) >= 3)


def _stride(stride: int, number: int, skip: int) -> int:
    return 1 if number <= skip else stride
