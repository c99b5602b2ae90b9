"""How many times as fast int8 is as float32, by kind of layer and number of channels.

    python -m benchmarks.layers make FOLDER
    python -m benchmarks.layers run FOLDER
    python -m benchmarks.avx2 -m benchmarks.layers run FOLDER

Six layers of a kind, in images of 32×32 (16×16 from 64 channels on), weights of 7 bits, one thread. Medians
of `invoke` alone, the three networks of a figure interleaved. The last command takes the kernels for AVX2.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.bundle.bundle import open_model
from edgecnn.bundle.input_spec import Given
from edgecnn.engine import open_engine
from edgecnn.latency import interleaved_medians

KINDS = ("3×3", "1×1", "depthwise and 1×1", "depthwise")
CHANNELS = (8, 16, 24, 32, 48, 64, 128)
DEPTH, MEASURE_S = 6, 0.5


def make(folder: Path) -> None:
    """Write every network in int8 and float32."""
    from edgecnn_train.quantize import to_float32, to_int8

    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        for channels in CHANNELS:
            network = build(kind, channels)
            shape = (20, *network.input_shape[1:])
            images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
            path = folder / f"{kind} {channels}"
            path.with_suffix(".int8.tflite").write_bytes(to_int8(network, images, weight_bits=7))
            path.with_suffix(".float32.tflite").write_bytes(to_float32(network))


def build(kind: str, channels: int) -> Any:
    """Return a Keras network of one kind of layer."""
    import keras
    from keras import layers

    side = 16 if channels >= 64 else 32
    x = image = keras.Input((side, side, 3))
    x = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
    for _ in range(DEPTH):
        if kind.startswith("depthwise"):
            x = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
        if kind != "depthwise":
            x = layers.Conv2D(channels, 3 if kind == "3×3" else 1, padding="same", activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(10, activation="softmax")(x))


def run(folder: Path) -> None:
    """Print a row for each kind: float32 on LiteRT, compared with int8 on each engine."""
    print("| | " + " | ".join(map(str, CHANNELS)) + " |\n|---|" + "---|" * len(CHANNELS))
    for kind in KINDS:
        ratios = [compare(folder, kind, channels) for channels in CHANNELS]
        for engine in ("litert", "openvino"):
            print(f"| {kind}, {engine} | " + " | ".join(f"{r[engine]:.2f}" for r in ratios) + " |")


def compare(folder: Path, kind: str, channels: int) -> dict[str, float]:
    """Return how many times as fast as float32 on LiteRT int8 is, by engine."""
    labels = folder / "labels.txt"
    labels.write_text("\n".join("0123456789"))
    runs = {}
    for engine, variant in (("litert", "float32"), ("litert", "int8"), ("openvino", "int8")):
        path = folder / f"{kind} {channels}.{variant}.tflite"
        model = open_model(path, given=Given(labels, None if variant == "int8" else (0.0, 1.0)))
        image = model.inputs[0]
        tensor = np.random.default_rng(0).integers(0, 2, image.shape).astype(image.dtype)
        runs[engine, variant] = partial(open_engine(engine, model, probed=True).invoke, tensor)
    medians = interleaved_medians(runs, MEASURE_S, least=20, most=2000)
    return {e: medians["litert", "float32"] / medians[e, "int8"] for e in ("litert", "openvino")}


if __name__ == "__main__":
    {"make": make, "run": run}[sys.argv[1]](Path(sys.argv[2]))
