"""Training seconds per epoch: edgecnn and a hand-tuned Keras `fit` with the same augmentation.

    python benchmarks/training.py --data ../shared/data [--rounds 3]

Both train the same network with the same optimizer and batch size on the same images, interleaved within one
run. Each round takes two epochs of each; the first includes the tracing of the graph and is left out. The
plain `fit` takes arrays where nothing is augmented, and else the fastest tf.data pipeline that we know:
uint8 in memory, shuffled, augmented as whole batches, prefetched. What both take includes validation;
edgecnn's includes its checkpoints.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from edgecnn.dataset import open_source
from edgecnn_train.batches import scaled
from edgecnn_train.data import load_data
from edgecnn_train.fit import fit
from edgecnn_train.models import build
from edgecnn_train.recipe_file import read_recipe

if TYPE_CHECKING:
    from edgecnn_train.recipe import Recipe
    from edgecnn_train.splits import DataSet


def plain_batches(data: DataSet, recipe: Recipe) -> tf.data.Dataset:
    """Return the pipeline of a hand-tuned fit: mirrored and moved at random."""
    height, width = data.input.height, data.input.width
    pad = round(recipe.augment.crop * height)

    images, labels = tf.constant(data.train.images), tf.constant(data.train.labels)

    def change(chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        count = tf.shape(chosen)[0]
        # One warp a batch does both, from pixel to pixel: x ↦ ±x + a, y ↦ y + b.
        sign = tf.where(tf.random.uniform([count]) < 0.5, -1.0, 1.0)
        across, down = (
            tf.cast(tf.random.uniform([count], -pad, pad + 1, tf.int32), tf.float32) for _ in range(2)
        )
        across += tf.where(sign < 0, width - 1.0, 0.0)
        zero, one = tf.zeros([count]), tf.ones([count])
        warped = tf.raw_ops.ImageProjectiveTransformV3(
            images=tf.gather(images, chosen),
            transforms=tf.stack([sign, zero, across, zero, one, down, zero, zero], axis=1),
            output_shape=[height, width],
            fill_value=0.0,
            interpolation="NEAREST",
            fill_mode="REFLECT",
        )
        return tf.cast(warped, tf.float32) * (1 / 255), tf.gather(labels, chosen)

    order = tf.data.Dataset.range(len(data.train)).shuffle(len(data.train), reshuffle_each_iteration=True)
    batched = order.batch(recipe.train.batch_size)
    return batched.map(change, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def plain_epoch(data: DataSet, recipe: Recipe) -> float:
    model = build(recipe.model, data.input, len(data.labels))
    optimizer = (
        keras.optimizers.Adam(recipe.train.learning_rate)
        if recipe.train.optimizer == "adam"
        else keras.optimizers.SGD(recipe.train.learning_rate, momentum=0.9, nesterov=True)
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    shared = {
        "validation_data": (scaled(data.validation.images), data.validation.labels),
        "validation_batch_size": 500,
        "verbose": 0,
    }
    if recipe.augment.crop:
        batches = plain_batches(data, recipe)
        model.fit(batches, epochs=1, **shared)
        started = time.monotonic()
        model.fit(batches, epochs=1, **shared)
    else:
        images, size = scaled(data.train.images), recipe.train.batch_size
        model.fit(images, data.train.labels, batch_size=size, epochs=1, **shared)
        started = time.monotonic()
        model.fit(images, data.train.labels, batch_size=size, epochs=1, **shared)
    return time.monotonic() - started


def our_epoch(data: DataSet, recipe: Recipe) -> float:
    model = build(recipe.model, data.input, len(data.labels))
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit(model, data, recipe, Path(folder) / "work", print, show="none")
    return fitted.history[-1]["seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    changes = ["model.family=resnet8", "model.filters=[]", "model.blocks=[]", "ema=0", "augment.cutout=0"]
    resnet8 = read_recipe("cifar10", changes)
    runs = {
        "classic on MNIST": (read_recipe("mnist-classic"), "mnist"),
        "resnet8 on CIFAR-10": (resnet8, "cifar10.zip"),
    }
    for name, (chosen, place) in runs.items():
        train = replace(chosen.train, epochs=2, warmup=0, schedule="constant", weight_decay=0.0)
        recipe = replace(chosen, train=train)
        data = load_data(open_source(arguments.data / place), recipe, print)
        ours, plain = [], []
        for _ in range(arguments.rounds):
            ours.append(our_epoch(data, recipe))
            plain.append(plain_epoch(data, recipe))
            print(f"{name}: edgecnn {ours[-1]:.1f} s, plain fit {plain[-1]:.1f} s", flush=True)
        ratios = [a / b for a, b in zip(ours, plain, strict=True)]
        print(
            f"{name}, seconds an epoch: edgecnn {statistics.median(ours):.1f}, "
            f"plain fit {statistics.median(plain):.1f}, "
            f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
