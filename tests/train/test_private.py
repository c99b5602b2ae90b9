"""The private step against gradients of single images by the book, and a run from end to end."""

import importlib.util
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from edgecnn.dataset import open_source
from edgecnn.errors import RecipeError
from edgecnn_train import models, private
from edgecnn_train.checkpoint import Checkpoint
from edgecnn_train.data import load_data
from edgecnn_train.fit import fit
from edgecnn_train.negatives import load_negatives
from edgecnn_train.pipeline import train
from edgecnn_train.private import PoissonBatches, chain, clipped_sum, noisy_mean
from edgecnn_train.recipe import AugmentSpec, PrivateSpec, TrainSpec
from edgecnn_train.splits import LabeledImages

needs_accountant = pytest.mark.skipif(
    importlib.util.find_spec("dp_accounting") is None, reason="needs the extra `private`"
)
COUNT = 64
SPARSE = keras.losses.SparseCategoricalCrossentropy()


def network():
    """Every kind of layer that can be trained privately, with strides, both paddings, and no bias once."""
    keras.utils.set_random_seed(3)
    x = inputs = keras.Input((11, 9, 2))
    x = keras.layers.Conv2D(5, 3, strides=2, padding="same", activation="tanh")(x)
    x = keras.layers.AveragePooling2D(2)(x)
    x = keras.layers.Conv2D(4, 2, activation="relu", use_bias=False)(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(6, activation="hard_silu")(x)
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))


@pytest.fixture(scope="module")
def model():
    return network()


@pytest.fixture
def batch():
    rng = np.random.default_rng(5)
    images = rng.random((COUNT, 11, 9, 2), np.float32)
    return images, rng.integers(3, size=COUNT), np.ones(COUNT, np.float32)


def by_the_book(model, loss, batch):
    """The gradient of each image separately, flat."""
    rows = []
    for image, target in zip(*batch[:2], strict=True):
        with tf.GradientTape() as tape:
            value = loss(target[None], model(image[None]))
        gradients = tape.gradient(value, [v.value for v in model.trainable_variables])
        rows.append(np.concatenate([g.numpy().ravel() for g in gradients]))
    return np.stack(rows)


def summed(model, bound, batch, loss=SPARSE):
    total = clipped_sum(chain(model), loss, bound, *map(tf.constant, batch))
    assert [t.shape for t in total] == [v.shape for v in model.trainable_variables]
    return np.concatenate([t.numpy().ravel() for t in total])


@pytest.mark.parametrize("kind", ["sparse", "smooth", "mean_squared_error"])
def test_it_is_the_sum_of_single_gradients_each_clipped(model, batch, kind):
    loss = SPARSE
    if kind != "sparse":
        batch = (batch[0], np.eye(3, dtype=np.float32)[batch[1]] * 0.9 + 0.1 / 3, batch[2])
        loss = {
            "smooth": keras.losses.CategoricalCrossentropy,
            "mean_squared_error": keras.losses.MeanSquaredError,
        }[kind]()
    single = by_the_book(model, loss, batch)
    norms = np.linalg.norm(single, axis=1)
    bound = float(np.median(norms))
    clipped = single * np.minimum(1, bound / norms)[:, None]
    assert np.allclose(summed(model, bound, batch, loss), clipped.sum(0), atol=1e-4)
    assert np.allclose(summed(model, 1e6, batch, loss), single.sum(0), atol=1e-4), "nothing to clip"


def test_no_image_moves_the_sum_by_more_than_the_bound(model, batch):
    images, targets, counted = batch
    without = summed(model, 0.5, (images, targets, np.where(np.arange(COUNT) == 7, 0, counted).astype("f4")))
    for outlier in (images[7], images[7] * 1e4, np.full_like(images[7], -1e12)):
        for target in range(3):
            images[7], targets[7] = outlier, target
            assert np.linalg.norm(summed(model, 0.5, batch) - without) <= 0.5 * (1 + 1e-4)
    images[7] = np.inf
    assert np.allclose(summed(model, 0.5, batch), without, atol=1e-5), "without a direction it is left out"


def test_many_images_are_done_in_parts_and_filled_up_rows_do_not_count(model, batch):
    twice = [np.concatenate([a, a]) for a in batch]
    assert np.allclose(summed(model, 0.5, twice), 2 * summed(model, 0.5, batch), atol=1e-4)
    twice[2][COUNT:] = 0
    assert np.allclose(summed(model, 0.5, twice), summed(model, 0.5, batch), atol=1e-5)


def test_frozen_layers_have_no_part_in_it(batch):
    model = network()
    model.layers[1].trainable = False
    single = by_the_book(model, SPARSE, batch)
    clipped = single * np.minimum(1, 0.5 / np.linalg.norm(single, axis=1))[:, None]
    assert np.allclose(summed(model, 0.5, batch), clipped.sum(0), atol=1e-4)


def test_the_noise_has_the_deviation_that_was_asked_for():
    spec = PrivateSpec(noise_multiplier=1.5, clip_norm=2.0)
    total = [tf.fill((400, 500), 8.0), tf.zeros(7)]
    noise = private._secret_generator()
    first, second = (noisy_mean(total, spec, 4, noise) for _ in range(2))
    for drawn in (first[0].numpy(), second[0].numpy()):
        assert drawn.std() == pytest.approx(1.5 * 2.0 / 4, rel=0.01)
        assert drawn.mean() == pytest.approx(8.0 / 4, abs=0.01)
    assert np.corrcoef(first[0].numpy().ravel(), second[0].numpy().ravel())[0, 1] == pytest.approx(
        0, abs=0.02
    )


def test_no_seed_brings_the_noise_or_the_lot_back():
    drawn = []
    for _ in range(2):
        keras.utils.set_random_seed(0)
        batches = poisson(1000, 100)
        drawn.append((private._secret_generator().normal((5,)).numpy(), next(batches.epochs())[0]))
    assert not np.array_equal(drawn[0][0], drawn[1][0])
    assert not np.array_equal(drawn[0][1], drawn[1][1])


def poisson(count, batch_size):
    """Batches of images that bear their own numbers."""
    images = np.zeros((count, 1, 2, 1), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.arange(count) % 256, np.arange(count) // 256
    split = LabeledImages(images, np.arange(count) % 3, (None,) * count)
    return PoissonBatches(split, AugmentSpec(), TrainSpec(batch_size=batch_size, seed=0))


def test_every_image_is_in_a_batch_with_the_same_chance_whatever_else_is():
    stream, seen, sizes = poisson(500, 50).epochs(), np.zeros(500), []
    for _ in range(400):
        images, targets, counted = next(stream)
        size = int(counted.sum())
        assert len(images) == len(targets) == len(counted)
        assert len(counted) % 64 == 0
        assert counted[:size].all()
        assert not images[size:].any()
        numbers = np.rint(images[:size] * 255).astype(int)[:, 0, :, 0] @ [1, 256]
        assert len(set(numbers)) == size
        assert np.array_equal(targets[:size], numbers % 3)
        seen[numbers] += 1
        sizes.append(size)
    # Binomial, six deviations: 500 images at 0.1, 400 times each.
    assert np.mean(sizes) == pytest.approx(50, abs=6 * 6.7 / 20)
    assert 4.5 < np.std(sizes) < 9.5, "a fixed size is no Poisson sample"
    assert seen.min() > 40 - 36
    assert seen.max() < 40 + 36


def test_a_batch_may_be_empty():
    stream = poisson(3, 1).epochs()
    assert any(next(stream)[2].sum() == 0 for _ in range(100))


@pytest.mark.parametrize("family", ["resnet8", "ds_cnn", "mobilenet_v1"])
def test_a_network_whose_images_mix_is_refused_by_its_layers(data, recipe, family):
    model = models.build(replace(recipe.model, family=family, filters=()), data.input, 10)
    with pytest.raises(RecipeError, match="--private can't train this network: .* is BatchNormalization"):
        chain(model)


def test_branches_are_refused():
    x = inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Add()([keras.layers.Dense(4)(x), x]))
    with pytest.raises(RecipeError, match="is on a branch"):
        chain(model)


def test_the_head_of_a_frozen_trunk_is_a_chain():
    """What is frozen may have branches: its gradients are not taken."""
    x = inputs = keras.Input((8, 8, 2))
    y = keras.layers.DepthwiseConv2D(3, padding="same")(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Add()([x, y]))
    frozen = keras.Model(inputs, x)
    frozen.trainable = False
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    rng = np.random.default_rng(5)
    images, labels = rng.random((COUNT, 8, 8, 2), np.float32), rng.integers(3, size=COUNT)
    batch = images, labels, np.ones(COUNT, np.float32)
    single = by_the_book(model, SPARSE, batch)
    sizes = np.linalg.norm(single, axis=1)
    bound = float(np.median(sizes))
    expected = (single * np.minimum(1, bound / sizes)[:, None]).sum(axis=0)
    assert np.allclose(summed(model, bound, batch), expected, rtol=1e-4, atol=1e-5)


@pytest.fixture
def data(idx_folder, recipe, said):
    return load_data(open_source(idx_folder), recipe, said.append)


def small(recipe, noise):
    """A private recipe for the few images that the tests have."""
    return replace(
        recipe,
        model=replace(recipe.model, filters=(8,), dense=(), activation="tanh"),
        train=replace(
            recipe.train, epochs=3, batch_size=200, optimizer="momentum", learning_rate=0.5, ema=0.5
        ),
        augment=AugmentSpec(shift=0.05),
        private=PrivateSpec(True, noise, 1.0, 1e-4),
    )


def test_a_resumed_run_keeps_no_metric_of_the_training_images(data, recipe, said, tmp_path, monkeypatch):
    wanted = small(recipe, 0.5)
    wanted = replace(wanted, model=replace(wanted.model, dropout=0.2))
    save = Checkpoint.on_epoch_end

    def stop_after_one(self, epoch, logs=None):
        save(self, epoch, logs)
        raise KeyboardInterrupt

    def run():
        model = models.build(wanted.model, data.input, len(data.labels))
        return fit(model, data, wanted, tmp_path / "work", said.append, show="none")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_end", stop_after_one)
        with pytest.raises(KeyboardInterrupt):
            run()
    fitted = run()
    assert any("continuing after epoch 1 of 3" in s for s in said)
    known = {"val_loss", "val_accuracy", "learning_rate", "seconds", "data_share"}
    assert [set(e) for e in fitted.history] == [known] * 3


def test_generated_negatives_of_a_private_run_are_made_from_validation_images(data, recipe):
    wanted = replace(recipe, private=PrivateSpec(True))
    others = replace(data, train=replace(data.train, images=255 - data.train.images))
    made = load_negatives(data, wanted)
    assert np.array_equal(made.choosing, load_negatives(others, wanted).choosing)
    assert not np.array_equal(load_negatives(data, recipe).choosing, load_negatives(others, recipe).choosing)
    assert "validation images" in made.what
    assert "training images" not in made.what


@pytest.mark.slow
@needs_accountant
def test_a_private_bundle_says_what_it_protects_and_what_not(idx_folder, recipe, said, tmp_path):
    wanted = small(recipe, 0.4)
    source = open_source(idx_folder)
    made = train(wanted, source, tmp_path / "tiny", said.append, allowed_drop=100, show="none")
    manifest, card = made.manifest.document, (made.folder / "CARD.md").read_text()
    spent = manifest["training"]["private"]
    assert (spent["noise_multiplier"], spent["clip_norm"], spent["delta"]) == (0.4, 1.0, 1e-4)
    assert any(f"epsilon {spent['epsilon']:.2f} at delta 0.0001" in s for s in said)
    assert f"epsilon {spent['epsilon']:.2f} at delta 0.0001" in card
    for part in ("noise 0.4", "clipped at 1", "Poisson", "Not protected", "validation images set"):
        assert part in card, part
    assert manifest["data"]["sha256"] is None
    assert manifest["accuracy"]["test_pictures"] == 200
    assert manifest["variants"]["float32"]["accuracy"] > 0.3, "it learns"
    loaded = load_data(source, wanted, said.append)
    protected = {item.id for item in loaded.train.items}
    assert not protected & set((made.folder / "calibration.txt").read_text().split())


@needs_accountant
def test_the_command_refuses_before_it_reads_an_image(run_cli, photo_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    private = ("train", photo_folder, "--private")
    run_cli(*private, "--trunk", "none").fails("input.width is 0", "with --private")
    without_fixed = run_cli("train", photo_folder, "--set", "private.enabled=true")
    without_fixed.fails("train.fixed is 0.0, expected 1", "only the head")
    run_cli("train", "cifar10", "--private").fails("model.family is", "expected classic with --private")
    assert "--private" in run_cli("train", "--help").out
