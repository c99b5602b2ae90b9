from dataclasses import replace

import keras
import numpy as np
import pytest

from edgecnn.dataset import open_source
from edgecnn_train.batches import Batches
from edgecnn_train.data import load_data
from edgecnn_train.fit import fit
from edgecnn_train.models import build
from edgecnn_train.optimize import optimizer
from edgecnn_train.recipe import AugmentSpec
from edgecnn_train.recipe_file import read_recipe


@pytest.fixture
def data(idx_folder, recipe, said):
    return load_data(open_source(idx_folder), recipe, said.append)


def trained(data, recipe, folder, said):
    keras.utils.set_random_seed(recipe.train.seed)
    model = build(recipe.model, data.input, len(data.labels))
    return fit(model, data, recipe, folder, said.append, show="none")


def weights(fitted):
    return np.concatenate([w.ravel() for w in fitted.model.get_weights()])


def small(recipe, **train):
    """A smaller network with dropout and augmentation, so that every source of chance is in it."""
    return replace(
        recipe,
        model=replace(recipe.model, filters=(4, 8), dense=(16,), dropout=0.2),
        augment=AugmentSpec(shift=0.1, noise=5.0),
        train=replace(recipe.train, **train),
    )


def test_it_learns_and_a_seed_reproduces_it(data, recipe, said, tmp_path):
    wanted = small(recipe, epochs=3)
    first = trained(data, wanted, tmp_path / "a", said)
    again = trained(data, wanted, tmp_path / "b", said)
    other = trained(data, small(recipe, epochs=3, seed=1), tmp_path / "c", said)
    assert np.array_equal(weights(first), weights(again))
    assert not np.array_equal(weights(first), weights(other))
    assert [set(e) for e in first.history] == [
        {"accuracy", "loss", "val_accuracy", "val_loss", "seconds", "data_share"}
    ] * 3
    assert first.history[-1]["loss"] < first.history[0]["loss"]


@pytest.mark.parametrize(
    "train",
    [
        {},
        {"schedule": "cosine"},
        {"schedule": "one_cycle", "warmup": 1.0, "ema": 0.9, "optimizer": "nesterov", "weight_decay": 0.1},
    ],
)
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(
    data, recipe, said, tmp_path, train, monkeypatch
):
    wanted = small(recipe, epochs=4, **train)
    whole = trained(data, wanted, tmp_path / "whole", said)

    from edgecnn_train.checkpoint import Checkpoint

    save = Checkpoint.on_epoch_end

    def stop_after_two(self, epoch, logs=None):
        save(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_end", stop_after_two)
        with pytest.raises(KeyboardInterrupt):
            trained(data, wanted, tmp_path / "stopped", said)
    resumed = trained(data, wanted, tmp_path / "stopped", said)
    assert any("going on after epoch 2 of 4" in s for s in said)
    assert len(resumed.history) == 4
    assert resumed.best_epoch == whole.best_epoch
    assert np.allclose(weights(resumed), weights(whole), atol=1e-6)


def test_another_recipe_starts_anew(data, recipe, said, tmp_path):
    trained(data, small(recipe, epochs=1), tmp_path, said)
    fitted = trained(data, small(recipe, epochs=1, learning_rate=0.01), tmp_path, said)
    assert len(fitted.history) == 1
    assert not any("going on" in s for s in said)
    assert any("starting anew" in s for s in said)
    for path in tmp_path.glob("last-*.keras"):
        path.write_bytes(b"half a checkpoint")
    assert len(trained(data, small(recipe, epochs=1, learning_rate=0.01), tmp_path, said).history) == 1


def test_the_best_epoch_on_validation_is_the_one_returned(data, recipe, said, tmp_path):
    fitted = trained(data, small(recipe, epochs=3), tmp_path, said)
    best = max(e["val_accuracy"] for e in fitted.history)
    assert fitted.history[fitted.best_epoch - 1]["val_accuracy"] == best
    pictures = data.validation.images.astype(np.float32) / 255
    named = fitted.model.predict(pictures, verbose=0).argmax(axis=1)
    assert np.mean(named == data.validation.labels) == pytest.approx(best, abs=1e-6)


def test_an_epoch_shows_every_picture_once(data, recipe):
    stream = Batches(data.train, AugmentSpec(), recipe.train).epochs()
    seen = [next(stream) for _ in range(-(-len(data.train) // 32))]
    assert sum(len(y) for _, y in seen) == len(data.train)
    shown = sorted(x.tobytes() for xs, _ in seen for x in xs)
    assert shown == sorted((i.astype(np.float32) * np.float32(1 / 255)).tobytes() for i in data.train.images)
    second = [next(stream) for _ in range(3)]
    assert not np.array_equal(seen[0][0], second[0][0]), "another order in the next epoch"


@pytest.mark.parametrize("name", ["sgd", "momentum", "adagrad", "rmsprop", "adam"])
def test_every_optimizer_of_the_recipe_lowers_the_loss(data, recipe, said, tmp_path, name):
    rate = 0.1 if name in ("sgd", "momentum", "adagrad") else 0.003
    rate = 0.05 if name == "momentum" else rate
    fitted = trained(data, small(recipe, epochs=2, optimizer=name, learning_rate=rate), tmp_path, said)
    assert fitted.history[-1]["loss"] < fitted.history[0]["loss"]


def test_momentum_is_sgd_with_momentum_and_cosine_ends_at_zero():
    spec = read_recipe("digits").train
    assert optimizer(replace(spec, optimizer="momentum"), 10).momentum == 0.9
    schedule = optimizer(spec, 10)._learning_rate
    assert float(schedule(0)) == pytest.approx(spec.learning_rate)
    assert float(schedule(10 * spec.epochs)) == pytest.approx(0, abs=1e-8)
