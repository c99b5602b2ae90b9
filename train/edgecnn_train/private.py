"""Differentially private SGD (Abadi et al. 2016): Poisson batches, clipped gradients, Gaussian noise.

The privacy loss is computed in `accounting`, by a library. No maintained library brings the step itself to
Keras 3 on TensorFlow: docs/private.md says which were tried.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from edgecnn.errors import RecipeError
from edgecnn_train.augment import active, augment
from edgecnn_train.batches import Batch, Batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn_train.recipe import PrivateSpec

# Gradients of single images are computed for this many at a time: more take more memory and are no faster.
_CHUNK = 64


class PoissonBatches(Batches):
    """Batches that contain every image with the same probability, independently of the others.

    That is what the accountant assumes, so a batch has `batch_size` images only in the mean, and may have
    none. Tuples (images, targets, counted): rows that fill a batch up have 0 in `counted`, others 1.
    """

    @property
    def mean_size(self) -> int:
        """How many images a batch has in the mean."""
        return self._spec.batch_size

    def epochs(self, first: int = 0) -> Iterator[Batch]:  # noqa: ARG002 - an epoch's lot depends on nothing
        """Yield batches for ever."""
        # From the system's entropy, not from the seed: knowing which images were drawn would undo the noise.
        rng = np.random.default_rng()
        chance = self.mean_size / len(self._split)
        while True:
            began = time.thread_time()
            chosen = np.flatnonzero(rng.random(len(self._split)) < chance)
            images = self._split.images[chosen]
            if len(chosen) and active(self._change):
                images = augment(images, self._change, rng)
            batch, targets = self._finish(self._scaled(images), self._split.labels[chosen], rng)
            fill = -len(chosen) % _CHUNK if len(chosen) else _CHUNK
            counted = np.pad(np.ones(len(chosen), np.float32), (0, fill))
            filled = [np.pad(a, [(0, fill)] + [(0, 0)] * (a.ndim - 1)) for a in (batch, targets)]
            self.clock.seconds += time.thread_time() - began
            yield (*filled, counted)


def protect(model: Any, loss: Any, spec: PrivateSpec, batches: PoissonBatches) -> None:
    """Make a compiled network train privately on these batches.

    Its training steps return no loss and no accuracy: those of the training images would not be protected.
    Raises RecipeError for a network whose gradients of single images are not known here.
    """
    layers = chain(model)
    noise = _secret_generator()
    # Keras' own step would make the metrics that validation needs; here a blank image does.
    model.test_on_batch(np.zeros((1, *model.input_shape[1:])), batches.targets(np.zeros(1, np.int64)))

    def step(data: Any) -> dict[str, Any]:
        images, targets, counted = data
        total = clipped_sum(layers, loss, spec.clip_norm, images, targets, counted)
        gradients = noisy_mean(total, spec, batches.mean_size, noise)
        model.optimizer.apply(gradients, model.trainable_variables)
        return {"learning_rate": tf.convert_to_tensor(model.optimizer.learning_rate)}  # Keras wants something

    model.train_step = step


def chain(model: Any) -> tuple[Any, ...]:
    """Return the layers that an image passes through, one after the other.

    Those before the first trained one are one model. What was learned before is not protected, so they may be
    of any kind.

    Raises RecipeError where there are branches, or weights in other layers than convolutions and dense ones:
    batch normalization, for one, mixes images, and no clipping can bound what one of them does.
    """
    first = next(k for k, layer in enumerate(model.layers) if layer.trainable_weights)
    layers = model.layers[first:]
    start = layers[0].input
    for before, layer in zip([None, *layers], layers, strict=False):
        if before is not None and layer.input is not before.output:
            raise RecipeError(f"--private can't train this network: {layer.name!r} is on a branch")
        kind = type(layer)
        known = kind is keras.layers.Dense and len(layer.input.shape) == 2
        known = known or (kind is keras.layers.Conv2D and layer.groups == 1)
        if layer.weights and not known:
            raise RecipeError(
                f"--private can't train this network: {layer.name!r} is {kind.__name__}, expected Conv2D or "
                "Dense wherever there are weights"
            )
    frozen = [] if start is model.inputs[0] else [keras.Model(model.inputs, start)]
    return (*frozen, *layers)


def clipped_sum(layers: tuple[Any, ...], loss: Any, bound: float, *batch: Any) -> list[Any]:
    """Return the sum of the images' gradients, each scaled down to a norm of at most `bound`.

    Parameters
    ----------
    batch
        Images, targets, and which of them count (1 or 0); their number is a multiple of 64.

    Returns
    -------
    One tensor for each trainable variable, in their order.
    """
    variables = [v for layer in layers for v in layer.trainable_variables]

    def add(total: list[Any], part: tuple[Any, Any, Any]) -> list[Any]:
        return [t + s for t, s in zip(total, _clipped_part(layers, loss, bound, *part), strict=True)]

    parts = tuple(tf.reshape(a, tf.concat([[-1, _CHUNK], tf.shape(a)[1:]], 0)) for a in batch)
    zeros = [tf.zeros(v.shape) for v in variables]
    return list(tf.foldl(add, parts, initializer=zeros, parallel_iterations=1))


def noisy_mean(total: list[Any], spec: PrivateSpec, batch_size: int, noise: Any) -> list[Any]:
    """Return (total + Gaussian noise) / batch_size; the noise's deviation is noise_multiplier × clip_norm.

    The divisor is the mean size of a batch: its true size depends on which images were drawn.
    """
    deviation = spec.noise_multiplier * spec.clip_norm
    return [(t + noise.normal(tf.shape(t), stddev=deviation)) / batch_size for t in total]


def _clipped_part(
    layers: tuple[Any, ...], loss: Any, bound: float, images: Any, targets: Any, counted: Any
) -> list[Any]:
    """Do `clipped_sum` for a few images, from one pass through the network.

    A layer's gradient for one image is its input's pixels under the kernel times the loss's derivative by
    what comes out before the activation (Goodfellow 2015; for convolutions Rochette et al. 2019).
    """
    taps = []
    x = images
    with tf.GradientTape() as tape:
        for layer in layers:
            if not layer.trainable_weights:
                x = layer(x, training=True)
                continue
            before = _linear(layer, x)
            if layer.trainable:
                taps.append((layer, x, before))
            x = layer.activation(before)
        losses = tf.reduce_sum(loss.call(targets, x))
    derivatives = tape.gradient(losses, [before for _, _, before in taps])
    parts, squares = [], tf.zeros_like(counted)
    for (layer, inputs, _), derivative in zip(taps, derivatives, strict=True):
        rows = _rows(layer, inputs)
        outs = tf.reshape(derivative, (_CHUNK, -1, derivative.shape[-1]))
        if rows.shape[1] == 1:  # one place: the gradient is an outer product, and need not be written out
            parts.append((rows[:, 0], outs[:, 0]))
            squares += tf.reduce_sum(rows**2, (1, 2)) * tf.reduce_sum(outs**2, (1, 2))
        else:
            parts.append((None, tf.matmul(rows, outs, transpose_a=True)))
            squares += tf.reduce_sum(parts[-1][1] ** 2, (1, 2))
        if layer.use_bias:
            parts.append((None, tf.reduce_sum(outs, 1)))
            squares += tf.reduce_sum(parts[-1][1] ** 2, 1)
    norms = tf.sqrt(squares)
    # A gradient that is infinite has no direction: such an image is left out.
    fits = tf.math.is_finite(norms)
    scale = tf.where(fits, counted * bound / tf.maximum(norms, bound), 0.0)
    sums = []
    for rows, outs in parts:
        finite = tf.where(tf.reshape(fits, (-1, *[1] * (len(outs.shape) - 1))), outs, 0.0)
        if rows is None:
            sums.append(tf.tensordot(scale, finite, 1))
        else:
            left = tf.where(fits[:, None], rows, 0.0)
            sums.append(tf.matmul(left, scale[:, None] * finite, transpose_a=True))
    variables = [v for layer in layers for v in layer.trainable_variables]
    return [tf.reshape(s, v.shape) for s, v in zip(sums, variables, strict=True)]


def _linear(layer: Any, x: Any) -> Any:
    """Return what a layer gives before its activation."""
    convolves = isinstance(layer, keras.layers.Conv2D)
    y = layer.convolution_op(x, layer.kernel) if convolves else keras.ops.matmul(x, layer.kernel)
    return y + layer.bias if layer.use_bias else y


def _rows(layer: Any, inputs: Any) -> Any:
    """Return what the kernel is multiplied with, images × places × weights of one filter."""
    if isinstance(layer, keras.layers.Dense):
        return inputs[:, None, :]
    one = [(1, *pair, 1) for pair in (layer.kernel_size, layer.strides, layer.dilation_rate)]
    patches = tf.image.extract_patches(inputs, *one, layer.padding.upper())
    return tf.reshape(patches, (_CHUNK, -1, patches.shape[-1]))


def _secret_generator() -> Any:
    """Return a generator of normal numbers that no seed brings back: it would take the noise away again."""
    state = np.frombuffer(os.urandom(24), np.int64)
    return tf.random.Generator.from_state(state, alg="philox")
