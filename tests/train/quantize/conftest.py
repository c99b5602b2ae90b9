"""Three small networks, trained for a moment on blurred colour patterns, and their files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from edgecnn.dataset import Item
from edgecnn_train.fit import scaled
from edgecnn_train.quantize import quantization_aware, to_float32, to_int8, twin_to_int8, without_rounding
from edgecnn_train.splits import LabeledImages

NETWORKS = (pytest.param("residual", marks=pytest.mark.slow), "depthwise", "classic")


def residual(activation: str = "relu") -> Any:
    """Three residual blocks of 8, 16 and 32 filters."""

    def conv(x, filters, kernel, strides, name, activation=None):
        x = layers.Conv2D(filters, kernel, strides, "same", use_bias=False, name=name)(x)
        x = layers.BatchNormalization(momentum=0.7, name=f"{name}_bn")(x)
        return layers.Activation(activation, name=f"{name}_act")(x) if activation else x

    image = keras.Input((32, 32, 3), name="image")
    x = conv(image, 8, 3, 1, "conv1", activation)
    for n, (filters, strides) in enumerate([(8, 1), (16, 2), (32, 2)], 1):
        y = conv(x, filters, 3, strides, f"stage{n}_conv1", activation)
        y = conv(y, filters, 3, 1, f"stage{n}_conv2")
        if strides > 1:
            x = conv(x, filters, 1, strides, f"stage{n}_skip")
        x = layers.Add(name=f"stage{n}_add")([x, y])
        x = layers.Activation(activation, name=f"stage{n}_act")(x)
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    return keras.Model(image, layers.Dense(10, activation="softmax", name="probability")(x), name="residual")


def depthwise(activation: str = "relu6") -> Any:
    """MobileNet's blocks, with its padding, its dropout, and the softmax as a layer of its own."""
    image = keras.Input((32, 32, 3), name="image")
    x = layers.Conv2D(8, 3, 2, "same", use_bias=False, name="conv1")(image)
    x = layers.BatchNormalization(momentum=0.7, name="conv1_bn")(x)
    x = layers.Activation(activation, name="conv1_act")(x)
    for n, filters in enumerate([16, 32], 1):
        x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"b{n}_pad")(x)
        x = layers.DepthwiseConv2D(3, 2, use_bias=False, name=f"b{n}_dw")(x)
        x = layers.BatchNormalization(momentum=0.7, name=f"b{n}_dw_bn")(x)
        x = layers.ReLU(6.0, name=f"b{n}_dw_act")(x)
        x = layers.Conv2D(filters, 1, use_bias=False, name=f"b{n}_pw")(x)
        x = layers.BatchNormalization(momentum=0.7, name=f"b{n}_pw_bn")(x)
        x = layers.Activation(activation, name=f"b{n}_pw_act")(x)
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    x = layers.Dropout(0.1, seed=0, name="dropout")(x)
    x = layers.Dense(10, name="logits")(x)
    return keras.Model(image, layers.Activation("softmax", name="probability")(x), name="depthwise")


def classic(activation: str = "relu", pool: Any = layers.MaxPooling2D) -> Any:
    """The textbook's network, without any batch normalization."""
    image = keras.Input((32, 32, 3), name="image")
    x = layers.Conv2D(8, 3, activation=activation, name="conv1")(image)
    x = pool(2, name="pool1")(x)
    x = layers.Conv2D(16, 3, activation=activation, name="conv2")(x)
    x = pool(2, name="pool2")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(32, activation=activation, name="dense1")(x)
    return keras.Model(image, layers.Dense(10, activation="softmax", name="probability")(x), name="classic")


def patterns(count: int, seed: int) -> LabeledImages:
    """Noisy colour patterns of 8×8 fields, one for each of ten classes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    fields = np.random.default_rng(5).uniform(0, 255, (10, 8, 8, 3))
    clean = np.repeat(np.repeat(fields[labels], 4, 1), 4, 2)
    images = np.clip(clean + rng.normal(0, 90, clean.shape), 0, 255).astype(np.uint8)
    items = tuple(Item(f"{seed}/{i}", int(label), "train") for i, label in enumerate(labels))
    return LabeledImages(images, labels.astype(np.int64), items)


def train(network: Any, split: LabeledImages, epochs: int, rate: float) -> Any:
    """Train for a moment; return the history."""
    network.compile(
        keras.optimizers.Adam(rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    return network.fit(scaled(split.images), split.labels, batch_size=32, epochs=epochs, verbose=0).history


@dataclass(frozen=True, eq=False)
class Workshop:
    """Everything the tests of this folder start from, each made once and when it is first asked for."""

    train: LabeledImages
    test: LabeledImages

    @cache  # noqa: B019 - lives as long as the tests
    def network(self, name: str) -> Any:
        keras.utils.set_random_seed(1)
        network = {"residual": residual, "depthwise": depthwise, "classic": classic}[name]()
        train(network, self.train, 4 if name != "classic" else 2, 5e-3)
        return network

    @property
    def calibration(self) -> np.ndarray:
        return self.train.images[:100]

    @cache  # noqa: B019
    def float32(self, name: str) -> bytes:
        return to_float32(self.network(name))

    @cache  # noqa: B019
    def int8(self, name: str) -> bytes:
        return to_int8(self.network(name), self.calibration)

    @cache  # noqa: B019
    def twin(self, name: str) -> Any:
        twin = quantization_aware(self.network(name), self.calibration)
        train(twin, self.train, 1, 1e-3)
        return twin

    @cache  # noqa: B019
    def twin_int8(self, name: str) -> bytes:
        return twin_to_int8(self.twin(name))

    @cache  # noqa: B019
    def twin_float32(self, name: str) -> bytes:
        return to_float32(without_rounding(self.twin(name)))

    def copy(self, network: Any) -> Any:
        """A copy of a network, for a test that spoils it."""
        copy = keras.models.clone_model(network)
        copy.set_weights(network.get_weights())
        return copy


@pytest.fixture(scope="session")
def workshop() -> Workshop:
    return Workshop(patterns(400, 0), patterns(200, 7))
