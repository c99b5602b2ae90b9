"""Makes the figures of docs/cnn.md that need Keras: curves, and short trainings on MNIST; prints numbers.

EDGECNN_DATA=/path/to/data python docs/make_cnn_runs.py [NAME …]

Without names all are made, in about ten minutes on two cores.
"""

from __future__ import annotations

from types import SimpleNamespace

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from make_cnn_images import MAP, SIGNED, an_eight, digits, main, save, show

from edgecnn.bundle import bundle
from edgecnn_train.batches import Batches, scaled
from edgecnn_train.cost import cost
from edgecnn_train.losses import loss
from edgecnn_train.models import build
from edgecnn_train.models.layers import activation
from edgecnn_train.optimize import Schedule, optimizer
from edgecnn_train.recipe import AugmentSpec, ModelSpec, TrainSpec
from edgecnn_train.recipe_file import read_recipe


def activations():
    x = np.linspace(-8, 8, 321, dtype=np.float32)
    figure, axes = plt.subplots(1, 5, figsize=(10, 2.2))
    for axis, name in zip(axes, ("relu", "relu6", "sigmoid", "tanh", "hard_swish"), strict=True):
        with tf.GradientTape() as tape:
            given = tf.constant(x)
            tape.watch(given)
            result = activation(given, name, name)
        axis.axhline(0, color="0.8", lw=0.8)
        axis.plot(x, keras.ops.convert_to_numpy(result), label="value")
        axis.plot(x, tape.gradient(result, given).numpy(), "--", label="slope")
        axis.set(title=name, ylim=(-1.5, 8) if name in ("relu", "relu6", "hard_swish") else (-1.2, 1.2))
    axes[2].legend(loc="upper left", fontsize=7)
    save(figure, "activations", 48)


def losses():
    # Ten logits, of which the true class's is z and all others are 0.
    p = np.linspace(0.01, 0.99, 99)
    z = tf.constant(np.log(9 * p / (1 - p))[:, None], tf.float32)
    truth = np.eye(10, dtype=np.float32)[[0] * len(p)]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8))
    for name, smoothing, times in (
        ("categorical_crossentropy", 0.0, 1),
        ("categorical_crossentropy", 0.1, 1),
        ("focal", 0.0, 1),
        ("mean_squared_error", 0.0, 10),
    ):
        targets = truth * (1 - smoothing) + smoothing / 10
        with tf.GradientTape() as tape:
            tape.watch(z)
            answers = tf.nn.softmax(tf.concat([z, tf.zeros((len(p), 9))], axis=1))
            values = loss(TrainSpec(loss=name), sparse=False).call(targets, answers)
        label = name + (", label_smoothing 0.1" if smoothing else "") + (" × 10" if times > 1 else "")
        left.plot(p, times * values.numpy(), label=label)
        right.plot(p, -times * tape.gradient(values, z).numpy()[:, 0], label=label)
    right.axhline(0, color="0.8", lw=0.8)
    left.set(title="loss", xlabel="probability of the true class (the others share the rest)", ylim=(0, 5))
    right.set(title="how strongly it pulls at the true class's logit", xlabel="probability of the true class")
    left.legend(fontsize=7)
    save(figure, "losses", 48)


def schedules():
    figure, axes = plt.subplots(1, 4, figsize=(9.5, 2), sharey=True)
    for axis, kind in zip(axes, ("constant", "step", "cosine", "one_cycle"), strict=True):
        for warmup, style in ((0, "-"), (100, "--")):
            schedule = Schedule(kind, 1.0, 1000, warmup)
            steps = np.arange(0, 1000, 2)
            rates = [float(schedule(i)) for i in steps]
            axis.plot(steps / 100, rates, style, label=f"warmup {warmup // 100}")
        axis.set(title=kind, xlabel="epoch of 10")
    axes[0].set_ylabel("share of learning_rate")
    axes[0].legend(fontsize=7, loc="lower right")
    save(figure, "schedules", 32)


def short_run(spec, train, count=2000, say=None, held=None):
    """Train a network on some digits; `say` gets the network after each step, and its number."""
    keras.utils.set_random_seed(0)
    image = bundle.InputSpec(28, 28, "gray", "crop", "staged", (0.0, 1.0))
    model = build(spec, image, 10)
    batches = Batches(digits(count), AugmentSpec(), train)
    model.compile(
        optimizer(train, batches.steps), loss(train, batches.sparse), metrics=["accuracy"], jit_compile=False
    )
    for step, batch in zip(range(train.epochs * batches.steps), batches.epochs(), strict=False):
        model.train_on_batch(*batch)
        if say:
            say(model, step + 1, batches.steps)
    if held is not None:
        print(model.evaluate(scaled(held.images), held.labels, verbose=0))
    return model


def outputs(model, names, image):
    """Return what some layers of a network make of an image: H×W×C each."""
    part = keras.Model(model.inputs, [model.get_layer(name).output for name in names])
    return [value[0] for value in part.predict(image[None] / np.float32(255), verbose=0)]


def separable():
    model = short_run(ModelSpec("ds_cnn", filters=(8, 16)), TrainSpec(learning_rate=0.003, epochs=4))
    maps = outputs(model, ("stem_relu", "stage1_block1_depthwise", "stage1_block1_pointwise"), an_eight())
    figure, axes = plt.subplots(3, 8, figsize=(9, 3.6))
    names = ("input:\n8 channels", "depthwise:\neach alone", "pointwise:\nmixed")
    for row, values, name in zip(axes, maps, names, strict=True):
        for k, axis in enumerate(row):
            show(axis, values[..., k], cmap=MAP)
        row[0].set_ylabel(name)
    save(figure, "separable", 128)
    image = bundle.InputSpec(32, 32, "rgb", "crop", "staged", (0.0, 1.0))
    recipe = read_recipe("cifar10")
    labels = [str(i) for i in range(10)]
    for spec in (
        ModelSpec(), ModelSpec("resnet8"), ModelSpec("resnet20"), ModelSpec("mobilenet_v1", width=0.25),
        ModelSpec("mobilenet_v2", width=0.35), ModelSpec("ds_cnn"),
    ):  # fmt: skip
        found = cost(SimpleNamespace(model=spec, title="", name="x", data=recipe.data), image, labels)
        print(
            f"| `{spec.family}`, width {spec.width:g} | {found.parameters:,} | {found.macs / 1e6:.2f} | "
            f"{found.int8_bytes / 1024:.0f} | {found.arena_bytes / 1024:.0f} |"
        )


def normalization():
    model = short_run(ModelSpec("resnet", filters=(8, 16)), TrainSpec(learning_rate=0.003, epochs=4))
    names = ("stage2_block1_conv1", "stage2_block1_conv1_bn")
    part = keras.Model(model.inputs, [model.get_layer(name).output for name in names])
    found = part.predict(digits(300, 2000).images / np.float32(255), verbose=0)
    figure, axes = plt.subplots(1, 2, figsize=(9, 2.4))
    for axis, values, title in zip(axes, found, ("before batch normalization", "after it"), strict=True):
        low, middle, high = np.percentile(values.reshape(-1, values.shape[-1]), (5, 50, 95), axis=0)
        channels = np.arange(len(low))
        axis.bar(channels, high - low, 0.6, low, color="tab:blue", alpha=0.5)
        axis.plot(channels, middle, "_", ms=10, color="k")
        axis.axhline(0, color="0.7", lw=0.8, zorder=0)
        axis.set(title=title, xlabel="channel", xticks=channels)
    axes[0].set_ylabel("median and 5 to 95 %")
    save(figure, "normalization", 64)
    names = ("stem_relu", "stage1_block1_conv2_bn", "stage1_block1_add", "stage1_block1_relu")
    maps = outputs(model, names, an_eight())
    figure, axes = plt.subplots(1, 4, figsize=(9, 2.5))
    channel = int(maps[0].std(axis=(0, 1)).argmax())
    limit = max(np.abs(m[..., channel]).max() for m in maps)
    titles = ("x", "F(x): two convolutions", "x + F(x)", "ReLU(x + F(x))")
    for axis, values, title in zip(axes, maps, titles, strict=True):
        show(axis, values[..., channel], title, SIGNED, vmin=-limit, vmax=limit)
    save(figure, "residual", 128)


def dropout():
    held, few = digits(2000, 500), digits(500)
    figure, axes = plt.subplots(figsize=(6, 2.8))
    for share, color in ((0.0, "tab:blue"), (0.5, "tab:orange")):
        seen = []

        def say(model, step, steps, seen=seen):
            if step % steps == 0:
                both = [model.evaluate(scaled(s.images), s.labels, verbose=0)[0] for s in (few, held)]
                seen.append([step // steps, *both])

        spec = ModelSpec(filters=(8, 16), dense=(128,), dropout=share)
        short_run(spec, TrainSpec(learning_rate=0.003, epochs=30), 500, say, held)
        epochs, own, others = np.array(seen).T
        axes.plot(epochs, own, "--", color=color, label=f"dropout {share:g}, its own 500 images")
        axes.plot(epochs, others, color=color, label=f"dropout {share:g}, 2,000 others")
        print(
            f"dropout {share}: on others lowest {others.min():.3f}, last {others[-1]:.3f}; own {own[-1]:.4f}"
        )
    axes.set(xlabel="epochs", ylabel="cross-entropy", yscale="log")
    axes.legend(fontsize=7)
    save(figure, "dropout", 48)


# Each at a rate that suits it.
RATES = {
    "gradient_descent": 0.1, "sgd": 0.1, "momentum": 0.03, "nesterov": 0.03,
    "adagrad": 0.03, "rmsprop": 0.002, "adam": 0.002, "adamw": 0.002,
}  # fmt: skip


def optimizers():
    few = digits(500, 2000)
    x, y = scaled(few.images), few.labels
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.2), sharey=True)
    spec = ModelSpec(filters=(8, 16), dense=(32,))
    for name, rate in RATES.items():
        full = name == "gradient_descent"
        seen = []

        def say(model, step, steps, seen=seen, full=full):
            update, rest = divmod(step, steps) if full else (step, 0)
            if not rest and (update <= 20 or update % 6 == 0):
                seen.append((step / steps, update, model.evaluate(x, y, batch_size=500, verbose=0)[0]))

        train = TrainSpec(optimizer=name, learning_rate=rate, epochs=60 if full else 3)
        short_run(spec, train, 2000, say)
        epochs, updates, values = np.array(seen).T
        label = f"{name} ({rate:g})"
        style = {
            "color": "k" if full else None,
            "lw": 1.3,
            "ls": "-" if name in ("sgd", "momentum") or full else "--",
        }
        left.plot(updates[updates <= 60], values[updates <= 60], label=label, **style)
        right.plot(
            epochs[epochs <= 3], values[epochs <= 3], label=label, marker="o" if full else None, **style
        )
        at = {e: values[np.argmin(np.abs(epochs - e))] for e in (1, 3)}
        print(f"| `{name}` | {rate:g} | {values[updates <= 60][-1]:.2f} | {at[3]:.2f} |")
    left.set(title="by update", xlabel="updates", ylabel="cross-entropy on 500 other images")
    right.set(title="by computing", xlabel="epochs: how often all 2,000 images were seen")
    left.legend(fontsize=7)
    save(figure, "optimizers", 256)


if __name__ == "__main__":
    main((activations, losses, schedules, separable, normalization, dropout, optimizers))
