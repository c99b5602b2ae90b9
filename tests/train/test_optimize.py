from dataclasses import replace
from math import cos, pi

import keras
import numpy as np
import pytest

from edgecnn_train.batches import Batches, class_weights
from edgecnn_train.losses import loss
from edgecnn_train.optimize import Schedule, optimizer
from edgecnn_train.recipe import AugmentSpec, TrainSpec
from edgecnn_train.recipe_file import read_recipe
from edgecnn_train.splits import LabeledImages
from tests.train.conftest import losses_of, small

RATE = 0.05
NAMES = ("kernel", "bias", "gamma", "beta")


def follow(name, w, gradients, rates, decay=0.0):
    """Each optimizer's published update, with Keras' constants; returns the weights after each step."""
    m, v, path = np.zeros_like(w), np.zeros_like(w), []
    a = np.full_like(w, 0.1)  # AdaGrad's sum starts here, so that the first step is no leap
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), 1):
        w = w - rate * decay * w
        if name in ("sgd", "gradient_descent"):
            w = w - rate * g
        elif name == "momentum":
            m = 0.9 * m - rate * g
            w = w + m
        elif name == "nesterov":
            m = 0.9 * m - rate * g
            w = w + 0.9 * m - rate * g
        elif name == "adagrad":
            a = a + g**2
            w = w - rate * g / np.sqrt(a + 1e-7)
        elif name == "rmsprop":
            v = 0.9 * v + 0.1 * g**2
            w = w - rate * g / np.sqrt(v + 1e-7)
        else:
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            w = w - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)
        path.append(w)
    return path


def walk(spec, steps=4):
    """Let the recipe's optimizer walk along random gradients; return them and the weights after each step."""
    rng = np.random.default_rng(7)
    variables = [keras.Variable(rng.normal(size=(2, 3)), name=name) for name in NAMES]
    start = [v.numpy() for v in variables]
    gradients = [[rng.normal(size=(2, 3)).astype(np.float32) for _ in NAMES] for _ in range(steps)]
    chosen = optimizer(spec, 1)
    chosen.build(variables)
    path = []
    for g in gradients:
        chosen.apply(g, variables)
        path.append([v.numpy() for v in variables])
    return chosen, start, gradients, path


ALL = ("gradient_descent", "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("name", ALL)
def test_every_step_is_the_published_one_and_decay_leaves_biases_and_normalization_alone(name, decay):
    _, start, gradients, path = walk(TrainSpec(optimizer=name, learning_rate=RATE, weight_decay=decay))
    if name == "adamw" and not decay:
        decay = 0.004  # Keras' own
    for i, variable in enumerate(NAMES):
        expected = follow(
            name,
            start[i].astype(np.float64),
            [g[i] for g in gradients],
            [RATE] * len(path),
            decay if variable == "kernel" else 0.0,
        )
        for step, (got, wanted) in enumerate(zip([p[i] for p in path], expected, strict=True)):
            assert got == pytest.approx(wanted, rel=2e-4, abs=1e-5), (variable, step)


def test_the_schedules_rate_is_the_one_of_each_update():
    spec = TrainSpec(optimizer="sgd", learning_rate=RATE, schedule="cosine", epochs=4)
    _, start, gradients, path = walk(spec)
    rates = [RATE * (1 + cos(pi * i / 4)) / 2 for i in range(4)]
    expected = follow("sgd", start[0].astype(np.float64), [g[0] for g in gradients], rates)
    assert path[-1][0] == pytest.approx(expected[-1], rel=1e-5)


def test_the_moving_average_starts_at_the_first_weights_and_follows_by_its_decay():
    chosen, _, _, path = walk(TrainSpec(optimizer="adam", ema=0.8))
    expected = path[0][0]
    for weights in path[1:]:
        expected = 0.8 * expected + 0.2 * weights[0]
    assert chosen._model_variables_moving_average[0].numpy() == pytest.approx(expected, rel=1e-5)
    assert not optimizer(TrainSpec(), 1).use_ema


def regression(count=10, classes=3, seed=0):
    """A few images of 2×2 pixels, one class rarer than the others, and a softmax regression on them."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % classes
    labels[labels == 2] = np.where(rng.random((labels == 2).sum()) < 0.5, 2, 0)
    labels[-1] = 2
    split = LabeledImages(rng.integers(0, 256, (count, 2, 2, 1)).astype(np.uint8), labels, (None,) * count)
    inputs = keras.Input((2, 2, 1))
    flat = keras.layers.Flatten()(inputs)
    answer = keras.layers.Dense(classes, "softmax", kernel_initializer="zeros")(flat)
    return split, keras.Model(inputs, answer)


@pytest.mark.parametrize(("batch_size", "weighted"), [(4, "none"), (4, "balanced"), (16, "none")])
def test_gradient_descent_follows_the_mean_gradient_of_all_images_once_an_epoch(batch_size, weighted):
    """Batches of 4 leave a last one of 2; 16 is all images in one step."""
    split, model = regression()
    spec = TrainSpec(
        optimizer="gradient_descent", learning_rate=0.5, epochs=5, batch_size=batch_size,
        schedule="step", warmup=1.0, class_weights=weighted,
    )  # fmt: skip
    batches = Batches(split, AugmentSpec(), spec)
    model.compile(optimizer(spec, batches.steps), loss(spec, batches.sparse))
    x = split.images.reshape(10, 4) / 255
    x = np.concatenate([x, np.ones((10, 1))], axis=1)
    truth = np.eye(3)[split.labels]
    share = class_weights(split.labels)[split.labels][:, None] if weighted == "balanced" else 1.0
    w = np.zeros((5, 3))
    # A warm-up of one update, then tenths from 1/2 and 3/4 on.
    for epoch, rate in enumerate((0.5, 0.5, 0.5, 0.05, 0.005)):
        model.fit(batches.epochs(epoch), steps_per_epoch=batches.steps, shuffle=False, verbose=0)
        p = np.exp(x @ w)
        p /= p.sum(axis=1, keepdims=True)
        w -= rate * x.T @ (share * (p - truth)) / 10
        kernel, bias = (v.numpy() for v in model.trainable_variables)
        assert np.vstack([kernel, bias]) == pytest.approx(w, abs=1e-5)


def test_the_moving_average_of_full_batches_decays_once_an_update():
    split, model = regression()
    spec = TrainSpec(optimizer="gradient_descent", learning_rate=0.5, epochs=40, batch_size=2, ema=0.5)
    batches = Batches(split, AugmentSpec(), spec)
    model.compile(optimizer(spec, batches.steps), loss(spec, batches.sparse))
    model.fit(batches.epochs(), steps_per_epoch=batches.steps, epochs=3, shuffle=False, verbose=0)
    # A fit ends with the average in the network; from here on the average alone moves.
    w = model.trainable_variables[0].numpy()
    model.optimizer.learning_rate = 0.0
    model.trainable_variables[0].assign(w + 1)
    model.fit(batches.epochs(), steps_per_epoch=batches.steps, shuffle=False, verbose=0)
    assert model.trainable_variables[0].numpy() == pytest.approx(w + 0.5, abs=1e-5)


def formula(kind, t):
    """What a schedule multiplies its peak by, t from 0 to 1 after the warm-up."""
    if kind == "step":
        return 1 if t < 0.5 else 0.1 if t < 0.75 else 0.01
    if kind == "cosine":
        return (1 + cos(pi * t)) / 2
    if kind == "one_cycle":
        if t < 0.3:
            return 1 / 25 + (1 - 1 / 25) * (1 - cos(pi * t / 0.3)) / 2
        return 1e-6 + (1 - 1e-6) * (1 + cos(pi * (t - 0.3) / 0.7)) / 2
    return 1


@pytest.mark.parametrize("every", [1, 7])
@pytest.mark.parametrize("warmup", [0, 20])
@pytest.mark.parametrize("kind", ["constant", "step", "cosine", "one_cycle"])
def test_every_schedule_is_its_formula_and_rises_and_falls_where_it_should(kind, warmup, every):
    total, peak = 220, 0.4
    schedule = Schedule(kind, peak, total, warmup, every)
    again = Schedule.from_config(schedule.get_config())
    updates = np.arange(total + 30)
    rates = np.array([float(schedule(i * every)) for i in updates])
    expected = [
        peak * formula(kind, min(1, max(0, i - warmup) / (total - warmup)))
        * (min(1, (i + 1) / warmup) if warmup else 1)
        for i in updates
    ]  # fmt: skip
    assert rates == pytest.approx(np.array(expected), rel=1e-4, abs=1e-6)
    assert [float(again(i * every)) for i in (0, 50, 199)] == pytest.approx(rates[[0, 50, 199]])
    assert float(schedule(60 * every + every - 1)) == rates[60], "all batches of an update have one rate"
    assert rates.max() <= peak * 1.0001
    rising = warmup + (0.3 * (total - warmup) if kind == "one_cycle" else 0)
    steps = np.diff(rates)
    assert (steps[: int(rising)] >= 0).all()
    assert rates[int(rising)] > rates[0] or not rising
    assert (steps[int(rising) + 1 :] <= 1e-7).all()
    assert rates[-1] == (pytest.approx(peak) if kind == "constant" else pytest.approx(0, abs=peak / 50))


def test_a_network_keeps_its_schedule_when_it_is_saved(tmp_path):
    _, model = regression()
    spec = TrainSpec(schedule="one_cycle", warmup=1, learning_rate=0.2)
    chosen = optimizer(spec, 10)
    chosen.build(model.trainable_variables)
    model.compile(chosen, loss(spec, sparse=True))
    model.save(tmp_path / "a.keras")
    loaded = keras.models.load_model(tmp_path / "a.keras").optimizer._learning_rate
    expected = {"kind": "one_cycle", "peak": 0.2, "total": 100, "warmup": 10, "every": 1, "begun": 0}
    assert loaded.get_config() == expected


def test_a_later_phase_continues_the_schedule_behind_a_warm_up_of_its_own():
    spec = TrainSpec(schedule="cosine", warmup=1, learning_rate=0.2, epochs=10)
    whole, phase = (optimizer(spec, 10, begun)._learning_rate for begun in (0, 4))
    rates = [float(phase(step)) for step in range(60)]
    expected = [float(whole(step)) for step in range(40, 100)]
    assert np.allclose(rates[10:], expected[10:])
    assert rates[0] == pytest.approx(expected[0] / 10)
    assert (np.diff(rates[:9]) > 0).all()


def test_the_shipped_recipe_for_digits_falls_along_a_cosine_to_zero():
    spec = read_recipe("digits").train
    schedule = optimizer(spec, 10)._learning_rate
    assert float(schedule(0)) == pytest.approx(spec.learning_rate)
    assert float(schedule(10 * spec.epochs)) == pytest.approx(0, abs=1e-8)


# A rate that suits each; 17 batches an epoch are few, and full batches are one step.
RATES = {
    "gradient_descent": 0.5, "sgd": 0.1, "momentum": 0.05, "nesterov": 0.05,
    "adagrad": 0.1, "rmsprop": 0.003, "adam": 0.003, "adamw": 0.003,
}  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_every_optimizer_lowers_the_loss(data, recipe, name):
    spec = small(recipe, optimizer=name, learning_rate=RATES[name], epochs=2)
    first, last = losses_of(data, spec)
    assert last < first


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["constant", "step", "cosine", "one_cycle"])
def test_every_schedule_lowers_the_loss(data, recipe, kind):
    spec = small(recipe, schedule=kind, warmup=0.5, learning_rate=0.005, epochs=2, ema=0.9)
    first, last = losses_of(data, replace(spec, name=kind))
    assert last < first
