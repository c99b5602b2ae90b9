"""Quantization-aware training: a twin of the network that rounds in training as int8 will round.

Keras 3 has no such tool for convolutions (its own `quantize("int8")` does Dense only and is not exported),
so these are layers of our own: TensorFlow's fake-quantization operators, which the converter reads as ranges.

**The trap.** Between the input's fake quantization and the first convolution nothing may scale the numbers:
the converter drops such a layer without a word, and the file answers nonsense. Pixels become real values
before the graph, and `parity.assert_parity` refuses a file that does not answer as its network does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf
from keras import layers

from edgecnn.errors import RecipeError
from edgecnn_train.batches import scaled
from edgecnn_train.models.fold import consumers, fold_batch_norm, rebuild
from edgecnn_train.quantize.narrow import most_steps
from edgecnn_train.quantize.ptq import INT8, export
from edgecnn_train.splits import UNIT_RANGE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_register = keras.saving.register_keras_serializable("edgecnn")

# Of the range's old value in each training step; 0.99 lags behind the weights and does not work.
MOMENTUM = 0.9
# The logits' range at the start, as a multiple of the calibrated range: they still grow in training, and
# those beyond the range would get no gradient.
WIDER_LOGITS = 1.5
# The largest magnitude of a weight in int8.
_MOST = most_steps(8)
# Ranges that TFLite prescribes for the outputs of these activations.
_FIXED = {"sigmoid": (0.0, 255 / 256), "tanh": (-1.0, 127 / 128)}
_IN_TURN = ("hard_silu", "sigmoid", "tanh", "softmax")
# Their outputs are of their input's scale, so there is nothing to choose.
_PASS = (
    layers.MaxPooling2D,
    layers.AveragePooling2D,
    layers.Flatten,
    layers.Reshape,
    layers.Dropout,
    layers.ZeroPadding2D,
)


@_register
class FakeQuant(layers.Layer):  # type: ignore[misc]
    """Rounds a tensor to the 256 steps of a range; gradients pass straight through inside the range.

    The range (`low` ≤ 0 ≤ `high`) follows the batches' own in training, unless `moving` is false or
    `frozen` is set to 1. It is a weight, so it is saved with the model.
    """

    def __init__(self, low: float = 0.0, high: float = 0.0, *, moving: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._start, self.moving = (low, high), moving
        self.observing = False

    def build(self, shape: Any) -> None:  # noqa: ARG002 - every shape has one range
        """Make the range's weights."""
        constant = keras.initializers.Constant
        self.low, self.high = (
            self.add_weight(shape=(), initializer=constant(value), trainable=False, name=name)
            for name, value in zip(("low", "high"), self._start, strict=True)
        )
        self.frozen = self.add_weight(shape=(), initializer="zeros", trainable=False, name="frozen")

    def call(self, x: Any, training: bool = False) -> Any:
        """Return the rounded tensor; in training, move the range first."""
        if self.moving and (training or self.observing):
            low, high = tf.minimum(tf.reduce_min(x), 0.0), tf.maximum(tf.reduce_max(x), 1e-6)
            if self.observing:
                self.low.assign(tf.minimum(self.low, low))
                self.high.assign(tf.maximum(self.high, high))
                return x
            rate = (1 - MOMENTUM) * (1 - self.frozen)
            self.low.assign_add(rate * (low - self.low))
            self.high.assign_add(rate * (high - self.high))
        return tf.quantization.fake_quant_with_min_max_vars(x, self.low, self.high)

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the shape as it is."""
        return shape

    def get_config(self) -> dict[str, Any]:
        """Return what makes this layer again."""
        low, high = self._start
        config: dict[str, Any] = super().get_config()
        return config | {"low": low, "high": high, "moving": self.moving}


def fake_quant_channels(kernel: Any, most: int) -> Any:
    """Round a kernel to −most…most steps of each output channel's (the last axis') largest magnitude."""
    flat = tf.reshape(tf.convert_to_tensor(kernel), (-1, kernel.shape[-1]))
    limit = tf.stop_gradient(tf.maximum(tf.reduce_max(tf.abs(flat), axis=0), 1e-9)) * (_MOST / most)
    return tf.quantization.fake_quant_with_min_max_vars_per_channel(
        tf.convert_to_tensor(kernel), -limit, limit, narrow_range=True
    )


class _Rounded:
    """A layer whose kernel is fake-quantized to −`most`…`most` steps."""

    def __init__(self, *args: Any, most: int = _MOST, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.most = most

    def get_config(self) -> dict[str, Any]:
        """Return what makes this layer again."""
        config: dict[str, Any] = super().get_config()  # type: ignore[misc]
        return config | {"most": self.most}


@_register
class QuantConv2D(_Rounded, layers.Conv2D):  # type: ignore[misc]
    """A Conv2D whose kernel is fake-quantized, symmetric, for each output channel."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolve with the rounded kernel."""
        return super().convolution_op(inputs, fake_quant_channels(kernel, self.most))


@_register
class QuantDepthwiseConv2D(_Rounded, layers.DepthwiseConv2D):  # type: ignore[misc]
    """A DepthwiseConv2D whose kernel is fake-quantized, symmetric, for each output channel."""

    def call(self, inputs: Any) -> Any:
        """Convolve with the rounded kernel."""
        shape = self.kernel.shape
        flat = tf.reshape(tf.convert_to_tensor(self.kernel), (*shape[:2], 1, shape[2] * shape[3]))
        kernel = tf.reshape(fake_quant_channels(flat, self.most), shape)
        x = keras.ops.depthwise_conv(
            inputs, kernel, strides=self.strides, padding=self.padding,
            dilation_rate=self.dilation_rate, data_format=self.data_format,
        )  # fmt: skip
        return self.activation(x + self.bias if self.use_bias else x)


@_register
class QuantDense(_Rounded, layers.Dense):  # type: ignore[misc]
    """A Dense whose kernel is fake-quantized, symmetric, as a whole.

    For each channel would be finer, but the converter can't follow: it transposes the kernel.
    """

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: ARG002 - Keras' signature
        """Multiply with the rounded kernel."""
        kernel = tf.convert_to_tensor(self.kernel)
        limit = tf.stop_gradient(tf.maximum(tf.reduce_max(tf.abs(kernel)), 1e-9)) * (_MOST / self.most)
        rounded = tf.quantization.fake_quant_with_min_max_vars(kernel, -limit, limit, narrow_range=True)
        x = keras.ops.matmul(inputs, rounded)
        return self.activation(x + self.bias if self.use_bias else x)


_QUANT: dict[Any, Any] = {
    layers.Conv2D: QuantConv2D,
    layers.DepthwiseConv2D: QuantDepthwiseConv2D,
    layers.Dense: QuantDense,
}


def quantization_aware(
    model: Any,
    calibration: NDArray[np.uint8],
    value_range: tuple[float, float] = UNIT_RANGE,
    weight_bits: int = 8,
) -> Any:
    """Return a twin of a trained functional model that is trained (`compile`, `fit`) as int8 will answer.

    BatchNormalization is folded, weights and activations are fake-quantized, and every range starts as the
    calibration images give it: untrained, the twin is about as good as post-training quantization.

    Parameters
    ----------
    model
        float32 images in, one score a class out. Of Conv2D, DepthwiseConv2D, Dense, Add, pooling,
        Flatten, Dropout, ZeroPadding2D, BatchNormalization behind a weighted layer, and the activations
        ReLU, ReLU6, hard-swish, sigmoid, tanh and a last softmax.
    calibration
        Images of the training split, uint8 N×H×W×C.
    value_range
        What pixels 0 and 255 become.
    weight_bits
        How many bits the weights use, up to 8; see `narrow`.

    Raises
    ------
    RecipeError
        Names the layer that has no fake-quantized counterpart.
    """
    folded = fold_batch_norm(model)
    fed = consumers(folded)
    first = FakeQuant(*value_range, moving=False, name="image_range")
    seen: list[Any] = []

    def call(layer: Any, given: Any) -> Any:
        if not seen:  # the first layer takes the images
            given = first(given)
        seen.append(layer)
        activation = _activation(layer)
        config = layer.get_config()
        splits = type(layer) in _QUANT and activation in _IN_TURN
        if splits:  # into the layer, its range, and the activation
            config["activation"] = "linear"
        if type(layer) in _QUANT:
            config["most"] = most_steps(weight_bits)
        copy = _QUANT.get(type(layer), type(layer)).from_config(config)
        x = copy(given)
        copy.set_weights(layer.get_weights())
        if isinstance(layer, _PASS) or _waits_for_relu(layer, fed[layer.name]):
            return x
        if splits:
            x = FakeQuant(name=f"{layer.name}_range")(x)
            x = layers.Activation(activation, name=f"{layer.name}_{activation}")(x)
            return _ranged(x, activation, f"{layer.name}_{activation}_range")
        return _ranged(x, activation, f"{layer.name}_range")

    for layer in folded.layers:
        _check(layer)
    twin = rebuild(folded, call)
    calibrate(twin, calibration, value_range=value_range)
    return twin


def without_rounding(twin: Any) -> Any:
    """Return a plain float network with a twin's weights: what its int8 file is measured against."""

    def call(layer: Any, given: Any) -> Any:
        if isinstance(layer, FakeQuant):
            return given
        plain = next((k for k, v in _QUANT.items() if type(layer) is v), type(layer))
        config = layer.get_config()
        if isinstance(layer, _Rounded):
            del config["most"]
        copy = plain.from_config(config)
        x = copy(given)
        copy.set_weights(layer.get_weights())
        return x

    return rebuild(twin, call)


def calibrate(
    twin: Any,
    images: NDArray[np.uint8],
    batch: int = 100,
    value_range: tuple[float, float] = UNIT_RANGE,
) -> None:
    """Set every moving range of a twin to what these images (uint8 N×H×W×C) give, the logits' wider."""
    ranges = [layer for layer in twin.layers if isinstance(layer, FakeQuant) and layer.moving]
    for layer in ranges:
        layer.low.assign(0.0)
        layer.high.assign(0.0)
        layer.observing = True
    for start in range(0, len(images), batch):
        twin(scaled(images[start : start + batch], value_range), training=False)
    for layer in ranges:
        layer.observing = False
    last = _logits_range(twin)
    if last is not None:
        last.low.assign(last.low * WIDER_LOGITS)
        last.high.assign(last.high * WIDER_LOGITS)


def freeze_ranges(twin: Any, frozen: bool = True) -> None:
    """Hold every range as it is (or let them move again); may be done between the epochs of a `fit`."""
    for layer in twin.layers:
        if isinstance(layer, FakeQuant):
            layer.frozen.assign(float(frozen))


class FreezeRanges(keras.callbacks.Callback):  # type: ignore[misc]
    """Freezes the ranges before the epoch of this number (from 0), so that the weights settle in them."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self._epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Freeze or not."""
        freeze_ranges(self.model, epoch >= self._epoch)


def twin_to_int8(twin: Any) -> bytes:
    """Return a trained twin in full int8, by its own ranges: no calibration images are needed."""
    # The option that insists on integer operators insists on a representative dataset too; leave it out.
    return export(twin, **{name: value for name, value in INT8.items() if name != "target_spec"})


def _ranged(x: Any, activation: str, name: str) -> Any:
    if activation == "softmax":  # TFLite prescribes its output's range, and the loss needs it unrounded
        return x
    if activation in _FIXED:
        return FakeQuant(*_FIXED[activation], moving=False, name=name)(x)
    return FakeQuant(name=name)(x)


def _activation(layer: Any) -> str:
    """Return the name of a layer's activation, `linear` where it has none."""
    if isinstance(layer, layers.ReLU):
        return "relu6" if layer.max_value == 6 else "relu"
    if isinstance(layer, layers.Softmax):
        return "softmax"
    return str(getattr(getattr(layer, "activation", None), "__name__", "linear"))


def _waits_for_relu(layer: Any, after: list[Any]) -> bool:
    """Return whether the converter makes one operator of a layer and the ReLU behind it, with one range."""
    weighted = isinstance(layer, (*_QUANT, layers.Add)) and _activation(layer) == "linear"
    return weighted and len(after) == 1 and _is_relu(after[0])


def _is_relu(layer: Any) -> bool:
    return isinstance(layer, layers.ReLU | layers.Activation) and _activation(layer) in ("relu", "relu6")


def _logits_range(twin: Any) -> Any:
    """Return the range before the last softmax, or None."""
    last = twin.layers[-1]
    before = twin.layers[-2]
    return before if _activation(last) == "softmax" and isinstance(before, FakeQuant) else None


def _check(layer: Any) -> None:
    known = (*_QUANT, *_PASS, layers.InputLayer, layers.Add, layers.GlobalAveragePooling2D, layers.ReLU)
    activation = _activation(layer)
    reason = ""
    if not isinstance(layer, (*known, layers.Activation, layers.Softmax)):
        reason = f"a {type(layer).__name__} has no fake-quantized counterpart"
        if isinstance(layer, layers.BatchNormalization):
            reason = "it does not follow a convolution or Dense without activation, so it can't be folded"
    elif activation not in ("linear", "relu", "relu6", *_IN_TURN):
        reason = f"its activation {activation} has no fake-quantized counterpart"
    elif isinstance(layer, layers.ReLU) and (
        layer.max_value not in (None, 6) or layer.negative_slope or layer.threshold
    ):
        reason = "only ReLU and ReLU6 have an int8 operator"
    if reason:
        raise RecipeError(
            f"quantization-aware training can't take the layer {layer.name!r}: {reason}; "
            'set quantize.method to "ptq"'
        )
