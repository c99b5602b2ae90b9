"""Networks that are trained already, with their batch normalization folded into the convolutions.

A frozen batch normalization is a scale and a shift, which a convolution can take on: without it there is less
to compute, and what is trained is what is quantized.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import keras
from ai_edge_litert import schema_py_generated as schema

from edgecnn.errors import RecipeError
from edgecnn.learning import efficientnet
from edgecnn.learning.weights import efficientnet_lite0_weights
from edgecnn.tflite.writer import float32_constant, unpack_model
from edgecnn_train.models.fold import fold_batch_norm
from edgecnn_train.models.layers import image_input

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import InputSpec
    from edgecnn_train.recipe import ModelSpec

# The widths and sides of MobileNetV2 whose weights Keras has.
_WIDTHS = (0.35, 0.5, 0.75, 1.0)
_SIDES = (96, 128, 160, 192, 224)


def efficientnet_lite0(spec: ModelSpec, image: InputSpec) -> Any:
    """Return EfficientNet-Lite0 with the weights of its package. Raises RecipeError or ModelError."""
    if spec.width != 1:
        raise RecipeError(
            f"model.width is {spec.width:g}, expected 1 with the trunk efficientnet_lite0: "
            "model.cut and a smaller input make it cheaper"
        )
    return from_tflite(_efficientnet_file(), spec, image)


@functools.cache
def _efficientnet_file() -> bytes:
    # Weights do not depend on the side.
    return efficientnet.efficientnet_lite0(efficientnet_lite0_weights(), 32)


def from_tflite(content: bytes, spec: ModelSpec, image: InputSpec) -> Any:
    """Return a float `.tflite` as a Keras model, up to its global mean or the recipe's cut.

    It has convolutions with `SAME` padding and sums, whose tensors are named `block1/…`, `block2/…` etc.
    """
    model = unpack_model(content)
    graph = model.subgraphs[0]
    inputs = image_input(image)
    made = {int(graph.inputs[0]): inputs}
    x = inputs
    for step in graph.operators:
        options, place = step.builtinOptions, int(step.outputs[0])
        name = graph.tensors[place].name.decode().replace("/", "_")
        kind = type(options).__name__
        if kind == "ReducerOptionsT" or (spec.cut and name.startswith((f"block{spec.cut + 1}_", "head"))):
            break
        if kind == "AddOptionsT":
            x = keras.layers.Add(name=name)([made[int(k)] for k in step.inputs])
        else:
            weights = [float32_constant(model, graph.tensors[int(k)]) for k in step.inputs[1:]]
            x = _convolution(made[int(step.inputs[0])], options, weights, name)
        made[place] = x
    return keras.Model(inputs, x)


def mobilenet_v2(spec: ModelSpec, image: InputSpec) -> Any:
    """Return Keras' MobileNetV2, whose weights are downloaded once into Keras' own cache.

    It was trained with pixels from -1 to 1; the range of all trunks is within 1 % of that, and exact in int8.
    Raises RecipeError for a width that has no weights, or where they can't be downloaded.
    """
    if spec.width not in _WIDTHS:
        raise RecipeError(
            f"model.width is {spec.width:g}, expected one of {', '.join(f'{w:g}' for w in _WIDTHS)} "
            "for the trunk mobilenet_v2"
        )
    network = _mobilenet(image.height, image.width, spec.width, None)
    network.set_weights(_mobilenet_weights(max(image.height, image.width), spec.width))
    after = f"block_{spec.cut + 1}_" if 0 < spec.cut < 16 else "Conv_1"
    before = next(k for k, layer in enumerate(network.layers) if layer.name.startswith(after))
    end = network.layers[before - 1] if spec.cut else network.layers[-1]
    return fold_batch_norm(keras.Model(network.inputs, end.output))


def _mobilenet(height: int, width: int, alpha: float, weights: str | None) -> Any:
    return keras.applications.MobileNetV2((height, width, 3), alpha, include_top=False, weights=weights)


@functools.cache
def _mobilenet_weights(side: int, alpha: float) -> list[NDArray[Any]]:
    """Return the weights that Keras has for the side that is nearest to this one."""
    near = min(_SIDES, key=lambda each: abs(each - side))
    try:
        return list(_mobilenet(near, near, alpha, "imagenet").get_weights())
    except Exception as error:
        if type(error) is not Exception:  # what Keras raises where a download fails
            raise
        raise RecipeError(
            "the weights of mobilenet_v2 can't be downloaded: connect to the internet once, "
            "or use --trunk efficientnet_lite0, which needs none"
        ) from error


def _convolution(x: Any, options: Any, weights: list[NDArray[np.float32]], name: str) -> Any:
    """Add a convolution and its activation; kernels are out×h×w×in, or 1×h×w×channels where depthwise."""
    kernel, bias = weights
    shared: dict[str, Any] = {"strides": options.strideH, "padding": "same", "name": name}
    depthwise = type(options).__name__ == "DepthwiseConv2DOptionsT"
    kind = keras.layers.DepthwiseConv2D if depthwise else functools.partial(keras.layers.Conv2D, len(kernel))
    layer = kind(kernel_size=kernel.shape[1:3], **shared)
    x = layer(x)
    layer.set_weights([kernel.transpose(1, 2, 3, 0), bias])
    relu6 = schema.ActivationFunctionType.RELU6
    return keras.layers.ReLU(6, name=f"{name}_relu6")(x) if options.fusedActivationFunction == relu6 else x
