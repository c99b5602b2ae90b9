"""A tiny trunk and photos that it can tell apart, so that learning takes a fraction of a second."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.learning.quantize import quantize
from edgecnn.tflite.builder import (
    GraphBuilder,
    add_options,
    conv_options,
    dense_options,
    mean_options,
    softmax_options,
)

if TYPE_CHECKING:
    from pathlib import Path

SIDE, VALUES = 32, 48
RANGE = (-127 / 128, 1.0)


@cache
def tiny_float(values: int = VALUES, seed: int = 3) -> bytes:
    """A float network of convolutions with random weights, a mean over the image, and five classes.

    Most of its activations are 0, as those of a trained network, so that embeddings of different photos point
    in different directions.
    """
    rng = np.random.default_rng(seed)
    graph = GraphBuilder()
    image = graph.tensor("image", (1, SIDE, SIDE, 3), "float32")
    half = SIDE // 2

    def layer(x, kind, name, kernel, channels, *, stride=1, side=half, activation="relu6", bias=0.0):
        inputs = [
            x,
            graph.constant(f"{name}/weights", kernel.astype(np.float32)),
            graph.constant(f"{name}/bias", np.full(channels, bias, np.float32)),
        ]
        output = graph.tensor(name, (1, side, side, channels), "float32")
        depthwise = kind.startswith("DEPTHWISE")
        return graph.operator(kind, inputs, output, conv_options(stride, activation, depthwise=depthwise))

    x = layer(image, "CONV_2D", "stem", rng.normal(0, 0.4, (16, 3, 3, 3)), 16, stride=2, bias=-0.4)
    y = layer(x, "DEPTHWISE_CONV_2D", "depthwise", rng.normal(0.1, 0.2, (1, 3, 3, 16)), 16)
    total = graph.tensor("add", graph.shape(x), "float32")
    x = graph.operator("ADD", [y, x], total, add_options())
    x = layer(x, "CONV_2D", "last", rng.normal(0, 0.7, (values, 1, 1, 16)), values, bias=-1.0)
    axes = graph.constant("axes", np.array([1, 2], np.int32))
    pooled = graph.tensor("embedding", (1, values), "float32")
    graph.operator("MEAN", [x, axes], pooled, mean_options())
    inputs = [
        pooled,
        graph.constant("classes/weights", rng.normal(0, 1, (5, values)).astype(np.float32)),
        graph.constant("classes/bias", rng.normal(0, 1, 5).astype(np.float32)),
    ]
    logits = graph.operator(
        "FULLY_CONNECTED", inputs, graph.tensor("logits", (1, 5), "float32"), dense_options()
    )
    scores = graph.tensor("probabilities", (1, 5), "float32")
    graph.operator("SOFTMAX", [logits], scores, softmax_options())
    return graph.finish([image], [scores], "tiny")


@cache
def tiny_int8() -> bytes:
    """The same network in int8."""
    return quantize(tiny_float(), inputs(8), RANGE)


def inputs(count: int, seed: int = 0):
    """Photos as the network's float input."""
    rng = np.random.default_rng(seed)
    for k in range(count):
        image = cv2.resize(photo(k % 5, rng), (SIDE, SIDE), interpolation=cv2.INTER_AREA)[None, ..., ::-1]
        yield np.ascontiguousarray((image.astype(np.float32) - 127) / 128)


def photo(color: int, rng: np.random.Generator, colors: int = 5) -> np.ndarray:
    """A disc or square of a color before a wall of another one, uint8 48×64×3 BGR."""
    wall = rng.integers(0, 256, 3)
    image = np.clip(rng.normal(wall, 12, (48, 64, 3)), 0, 255).astype(np.uint8)
    hue = cv2.cvtColor(np.uint8([[[color * 179 // colors, 255, 255]]]), cv2.COLOR_HSV2BGR)[0, 0]
    x, y, radius = int(rng.integers(24, 40)), int(rng.integers(18, 30)), int(rng.integers(14, 22))
    shade = tuple(float(v) * rng.uniform(0.8, 1) for v in hue)
    if rng.random() < 0.5:
        cv2.circle(image, (x, y), radius, shade, cv2.FILLED)
    else:
        cv2.rectangle(image, (x - radius, y - radius), (x + radius, y + radius), shade, cv2.FILLED)
    return image


def write_classes(folder: Path, counts: dict[str, int], seed: int = 0, first: int = 0) -> Path:
    """Write photos of each class, whose color is its place in `counts`."""
    rng = np.random.default_rng([seed, 5])
    for color, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for k in range(first, first + count):
            cv2.imwrite(str(folder / name / f"{k}.png"), photo(color, rng, max(5, len(counts))))
    return folder
