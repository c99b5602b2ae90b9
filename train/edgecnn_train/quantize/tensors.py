"""What the rounding costs, layer by layer: int8 against its float twin on the same images.

Two figures for each layer. `snr_db` compares the two files as they run, so it holds the errors of all
layers before. `own_snr_db` is the layer alone: the float twin's own inputs go through the int8 file's
weights and are rounded to its output's steps; the median of the channels, because one channel that
stretches the range drowns the others and still looks fine in the sum. Layers are sorted by it, worst first;
softmax, sigmoid and tanh come last, because TFLite prescribes their ranges and nothing can be fixed there.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.tflite.quant import real_range
from edgecnn_train.batches import scaled
from edgecnn_train.quantize.graph import LayerOperator, match, open_whole, read_operators, run_image
from edgecnn_train.splits import UNIT_RANGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PRESCRIBED = ("SOFTMAX", "LOGISTIC", "TANH")
# What a comparison without any error counts as.
_MOST_DB = 99.0


@dataclass(frozen=True, slots=True)
class Weights:
    """A layer's kernel: float against int8.

    `spread` is the largest channel's range over the smallest's; `worst_channel_snr_db` is of the channel
    that is rounded worst.
    """

    channels: int
    spread: float
    snr_db: float
    worst_channel_snr_db: float


@dataclass(frozen=True, slots=True)
class TensorReport:
    """One layer's output, float against int8 over all images.

    `low` and `high` are the float values seen, `int8_low` and `int8_high` what int8 can stand for;
    `saturation` is the share of values that exceed that by more than half a step. `mean_steps` is the
    mean absolute error in steps (`scale`).
    """

    name: str
    operator: str
    low: float
    high: float
    int8_low: float
    int8_high: float
    scale: float
    zero_point: int
    saturation: float
    snr_db: float
    own_snr_db: float
    mean_steps: float
    weights: Weights | None


@dataclass(frozen=True, slots=True)
class QuantizationReport:
    """Every layer that both files have, worst first, and what could not be matched."""

    pictures: int
    layers: tuple[TensorReport, ...]
    only_int8: tuple[str, ...]
    only_float: tuple[str, ...]

    @property
    def worst(self) -> TensorReport:
        """The layer with the lowest SNR of its own."""
        return self.layers[0]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return dataclasses.asdict(self)

    def markdown(self) -> str:
        """Return it as the text of `quantization.md`."""
        lines = [
            "# Quantization, layer by layer",
            "",
            f"int8 against its float twin on {self.pictures:,} images, the worst layer first. The own "
            "SNR is the layer alone (its exact inputs, the int8 weights, the rounding of its output; the "
            "median of the channels); the SNR is int8 as it runs, with the errors of the layers before. "
            "Most layers have an own SNR of 30 dB and more. Saturated values are beyond the int8 range.",
            "",
            "| layer | operator | own SNR dB | SNR dB | float range | int8 range | scale | zero point "
            "| saturated | error, steps | weights: spread | weights: SNR dB (worst channel) |",
            "|---|---|---:|---:|---|---|---:|---:|---:|---:|---:|---:|",
        ]
        for t in self.layers:
            w = t.weights
            spread = "" if w is None else f"{w.spread:.3g}"
            snr = "" if w is None else f"{w.snr_db:.1f} ({w.worst_channel_snr_db:.1f})"
            lines.append(
                f"| {t.name} | {t.operator} | {t.own_snr_db:.1f} | {t.snr_db:.1f} "
                f"| {t.low:.3g} … {t.high:.3g} | {t.int8_low:.3g} … {t.int8_high:.3g} "
                f"| {t.scale:.4g} | {t.zero_point} | {t.saturation:.2%} | {t.mean_steps:.2f} "
                f"| {spread} | {snr} |"
            )
        for title, names in (("int8", self.only_int8), ("float", self.only_float)):
            if names:
                lines += ["", f"Only in the {title} file, so not compared: {', '.join(names)}."]
        return "\n".join(lines) + "\n"


def compare_tensors(
    int8: bytes,
    float32: bytes,
    images: NDArray[np.uint8],
    value_range: tuple[float, float] = UNIT_RANGE,
) -> QuantizationReport:
    """Run images (uint8 N×H×W×C) through an int8 file and its float32 twin and compare every layer.

    Both come from the same network, so that layers are matched by kind, shape and order.
    """
    first, second = read_operators(int8), read_operators(float32)
    pairs = [(q, f) for q, f in match(first, second) if q.output_scale > 0]
    sums = [_Sums(q, f) for q, f in pairs]
    quantized, real = open_whole(int8), open_whole(float32)
    for image in images:
        run_image(quantized, (image ^ 0x80).view(np.int8))
        run_image(real, scaled(image, value_range))
        for each in sums:
            each.add(quantized, real)
    return QuantizationReport(
        pictures=len(images),
        layers=tuple(sorted((each.report() for each in sums), key=_place)),
        only_int8=_rest(first, [q for q, _ in pairs]),
        only_float=_rest(second, [f for _, f in pairs]),
    )


def _place(layer: TensorReport) -> tuple[bool, float]:
    return layer.operator in _PRESCRIBED, layer.own_snr_db


class _Sums:
    """Adds up one layer's errors over the images."""

    def __init__(self, quantized: LayerOperator, real: LayerOperator) -> None:
        self._q, self._f = quantized, real
        self._low, self._high = np.inf, -np.inf
        self._signal = self._noise = self._steps = 0.0
        self._beyond = self._count = 0
        channels = quantized.shape[-1]
        self._channel_signal, self._channel_noise = np.zeros(channels), np.zeros(channels)
        self._limits = real_range(quantized.output_scale, quantized.output_zero_point, "int8")

    def add(self, quantized: Any, real: Any) -> None:
        """Add the image that both interpreters have just run."""
        q, scale = self._q, self._q.output_scale
        value = real.get_tensor(self._f.output).astype(np.float64)
        error = value - (quantized.get_tensor(q.output).astype(np.float64) - q.output_zero_point) * scale
        alone = value if q.kernel is None else _apply(q, self._f, real.get_tensor(self._f.input))
        rounded = np.clip(np.round(alone / scale) * scale, *self._limits)
        self._low, self._high = min(self._low, value.min()), max(self._high, value.max())
        self._signal += float((value**2).sum())
        self._noise += float((error**2).sum())
        self._steps += float(np.abs(error).sum()) / scale
        low, high = self._limits
        self._beyond += int(((value < low - scale / 2) | (value > high + scale / 2)).sum())
        self._count += value.size
        axes = tuple(range(value.ndim - 1))
        self._channel_signal += (value**2).sum(axis=axes)
        self._channel_noise += ((value - rounded) ** 2).sum(axis=axes)

    def report(self) -> TensorReport:
        q = self._q
        live = self._channel_signal > 0
        own = [_db(s, n) for s, n in zip(self._channel_signal[live], self._channel_noise[live], strict=True)]
        return TensorReport(
            name=q.name,
            operator=q.kind,
            low=float(self._low),
            high=float(self._high),
            int8_low=float(self._limits[0]),
            int8_high=float(self._limits[1]),
            scale=q.output_scale,
            zero_point=q.output_zero_point,
            saturation=self._beyond / self._count,
            snr_db=_db(self._signal, self._noise),
            own_snr_db=float(np.median(own)) if own else _MOST_DB,
            mean_steps=self._steps / self._count,
            weights=_weights(q, self._f),
        )


def _weights(quantized: LayerOperator, real: LayerOperator) -> Weights | None:
    if quantized.kernel is None or real.kernel is None:
        return None
    # Output channels are TFLite's first axis, and a depthwise kernel's last.
    axis = -1 if quantized.kind == "DEPTHWISE_CONV_2D" else 0
    value = np.moveaxis(real.kernel, axis, 0).reshape(real.kernel.shape[axis], -1)
    error = value - np.moveaxis(quantized.kernel, axis, 0).reshape(value.shape)
    ranges = np.abs(value).max(axis=1)
    live = ranges > 0
    channels = [_db(s, n) for s, n in zip((value**2).sum(1)[live], (error**2).sum(1)[live], strict=True)]
    return Weights(
        channels=len(value),
        spread=float(ranges[live].max() / ranges[live].min()) if live.any() else 1.0,
        snr_db=_db(float((value**2).sum()), float((error**2).sum())),
        worst_channel_snr_db=min(channels, default=_MOST_DB),
    )


def _apply(quantized: LayerOperator, real: LayerOperator, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Compute a float layer with the int8 file's weights."""
    import tensorflow as tf

    assert quantized.kernel is not None  # noqa: S101 - for the type checker
    kernel, options = quantized.kernel.astype(np.float32), real.options
    if quantized.kind == "FULLY_CONNECTED":
        out = x.reshape(-1, kernel.shape[1]) @ kernel.T
    else:
        padding = "VALID" if options.padding else "SAME"
        strides = [1, options.strideH, options.strideW, 1]
        dilations = [options.dilationHFactor, options.dilationWFactor]
        if quantized.kind == "CONV_2D":
            out = tf.nn.conv2d(x, kernel.transpose(1, 2, 3, 0), strides, padding, dilations=dilations).numpy()
        else:
            shape = (*kernel.shape[1:3], x.shape[3], -1)
            out = tf.nn.depthwise_conv2d(
                x, kernel.reshape(shape), strides, padding, dilations=dilations
            ).numpy()
    if quantized.bias is not None:
        out = out + quantized.bias
    low, high = _FUSED.get(options.fusedActivationFunction, _FUSED[0])
    clipped: NDArray[np.float64] = np.clip(out.reshape(quantized.shape), low, high).astype(np.float64)
    return clipped


# TFLite's fused activations by their number: none, ReLU, ReLU −1 to 1, ReLU6.
_FUSED = {0: (-np.inf, np.inf), 1: (0.0, np.inf), 2: (-1.0, 1.0), 3: (0.0, 6.0)}


def _db(signal: float, noise: float) -> float:
    if noise <= 0 or signal <= 0:
        return _MOST_DB if noise <= 0 else -_MOST_DB
    return float(min(_MOST_DB, 10 * np.log10(signal / noise)))


def _rest(operators: list[LayerOperator], matched: list[LayerOperator]) -> tuple[str, ...]:
    known = {id(o) for o in matched}
    return tuple(f"{o.name} ({o.kind})" for o in operators if id(o) not in known)
