"""A tiny trunk, and random weights in the form of EfficientNet-Lite0's."""

import keras
import numpy as np

from edgecnn_train.models.layers import image_input
from edgecnn_train.registry import KerasTrunk

LAYERS = ("block1_conv", "block2_conv", "block3_conv")


def small(spec, image):
    """Return three convolutions and a sum, with weights that are always the same."""
    keras.utils.set_random_seed(7)
    x = inputs = image_input(image)
    for number in range(1, (spec.cut or 3) + 1):
        y = keras.layers.Conv2D(8, 3, 1 if number == 3 else 2, "same", name=f"block{number}_conv")(x)
        y = keras.layers.ReLU(6, name=f"block{number}_relu6")(y)
        x = keras.layers.Add(name="block3_add")([x, y]) if number == 3 else y
    return keras.Model(inputs, x)


SMALL = KerasTrunk((16, 32, 48), 32, (2, 1), small)


# EfficientNet-Lite0's stages: repeats, kernel, expansion, filters.
STAGES = (
    (1, 3, 1, 16),
    (2, 3, 6, 24),
    (2, 5, 6, 40),
    (3, 3, 6, 80),
    (3, 5, 6, 112),
    (4, 5, 6, 192),
    (1, 3, 6, 320),
)


def random_weights():
    """Return tensors of the names and shapes that the package of EfficientNet-Lite0 has."""
    rng, found = np.random.default_rng(0), {}

    def convolution(name, norm, filters, depth, kernel):
        shape = (filters, depth, kernel, kernel)
        found[f"{name}.weight"] = rng.normal(0, (2 / (depth * kernel**2)) ** 0.5, shape)
        for part in ("weight", "bias", "running_mean", "running_var"):
            low, high = (0.5, 1.5) if part in ("weight", "running_var") else (-0.2, 0.2)
            found[f"{norm}.{part}"] = rng.uniform(low, high, filters)

    convolution("_conv_stem", "_bn0", 32, 3, 3)
    place, depth = 0, 32
    for repeats, kernel, expansion, filters in STAGES:
        for _ in range(repeats):
            block, wide = f"_blocks.{place}.", depth * expansion
            if expansion > 1:
                convolution(f"{block}_expand_conv", f"{block}_bn0", wide, depth, 1)
            convolution(f"{block}_depthwise_conv", f"{block}_bn1", wide, 1, kernel)
            convolution(f"{block}_project_conv", f"{block}_bn2", filters, wide, 1)
            place, depth = place + 1, filters
    convolution("_conv_head", "_bn1", 1280, depth, 1)
    found["_fc.weight"], found["_fc.bias"] = rng.normal(0, 0.03, (1000, 1280)), rng.normal(0, 0.1, 1000)
    return {name: values.astype(np.float32) for name, values in found.items()}
