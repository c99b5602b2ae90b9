"""Folds batch normalization into the convolution before it; the answers stay the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from edgecnn.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Callable

_FOLDED_INTO = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)


def fold_batch_norm(model: Any) -> Any:
    """Return a copy of a functional model without those BatchNormalizations that follow a weighted layer.

    The layer before (Conv2D, DepthwiseConv2D or Dense without an activation, feeding nothing else) gets a
    bias, and takes on each channel's scale and shift (Jacob et al. 2018, https://arxiv.org/abs/1712.05877,
    section 3.2)::

        kernel' = kernel · gamma / √(variance + ε)
        bias' = beta + (bias − mean) · gamma / √(variance + ε)

    A BatchNormalization at another place stays. Layers keep their names; the copy is not compiled. Outputs
    agree with those of `model` to float32's precision.

    Raises RecipeError for a layer that is used twice, or a model in a model.
    """
    pairs = _pairs(model)
    normalized = {layer.name: name for name, layer in pairs.items()}

    def call(layer: Any, given: Any) -> Any:
        if layer.name in pairs:
            return given
        config = layer.get_config()
        if layer.name in normalized:
            config["use_bias"] = True
        copy = type(layer).from_config(config)
        output = copy(given)
        if layer.name in normalized:
            copy.set_weights(_folded(layer, model.get_layer(normalized[layer.name])))
        else:
            copy.set_weights(layer.get_weights())
        return output

    return rebuild(model, call)


def rebuild(model: Any, call: Callable[[Any, Any], Any]) -> Any:
    """Build a functional model again, layer by layer in order.

    `call` gets each layer of `model` and its new input (a list where there are several), and returns the
    new output. The model has one input and one output.
    """
    inputs = keras.Input(model.input_shape[1:], name="image")
    made = {id(model.inputs[0]): inputs}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if isinstance(layer, keras.Model) or len(layer._inbound_nodes) != 1:
            raise RecipeError(
                f"the layer {layer.name!r} is used twice or is a model itself: "
                "build the network of single layers"
            )
        given = [made[id(tensor)] for tensor in sources(layer)]
        made[id(layer.output)] = call(layer, given if isinstance(layer.input, list) else given[0])
    return keras.Model(inputs, made[id(model.outputs[0])], name=model.name)


def sources(layer: Any) -> list[Any]:
    """Return the tensors that a layer takes."""
    return list(layer.input) if isinstance(layer.input, list | tuple) else [layer.input]


def consumers(model: Any) -> dict[str, list[Any]]:
    """Return the layers that each layer's output feeds, by the layer's name."""
    homes = {id(layer.output): layer.name for layer in model.layers}
    fed: dict[str, list[Any]] = {name: [] for name in homes.values()}
    for layer in model.layers:
        if not isinstance(layer, keras.layers.InputLayer):
            for tensor in sources(layer):
                fed[homes[id(tensor)]].append(layer)
    return fed


def _pairs(model: Any) -> dict[str, Any]:
    """Return the layer before it for each BatchNormalization that can be folded, by the latter's name."""
    fed = consumers(model)
    pairs = {}
    for layer in model.layers:
        after = fed[layer.name]
        if (
            isinstance(layer, _FOLDED_INTO)
            and layer.activation is keras.activations.linear
            and len(after) == 1
            and isinstance(after[0], keras.layers.BatchNormalization)
        ):
            pairs[after[0].name] = layer
    return pairs


def _folded(layer: Any, norm: Any) -> list[np.ndarray[Any, Any]]:
    kernel, *rest = (np.asarray(w, np.float64) for w in layer.get_weights())
    mean, variance = (np.asarray(w, np.float64) for w in (norm.moving_mean, norm.moving_variance))
    gamma = np.asarray(norm.gamma, np.float64) if norm.scale else np.ones_like(mean)
    beta = np.asarray(norm.beta, np.float64) if norm.center else np.zeros_like(mean)
    factor = gamma / np.sqrt(variance + norm.epsilon)
    bias = beta + ((rest[0] if rest else 0) - mean) * factor
    # A depthwise kernel is h×w×channels×multiplier, its outputs are the last two joined.
    shape = kernel.shape[2:] if isinstance(layer, keras.layers.DepthwiseConv2D) else kernel.shape[-1:]
    return [(kernel * factor.reshape(shape)).astype(np.float32), bias.astype(np.float32)]
