import os
from pathlib import Path

import numpy as np
import pytest

from edgecnn_train.batches import Batches
from edgecnn_train.checkpoint import best_epoch
from edgecnn_train.recipe import AugmentSpec
from tests.train.conftest import small, trained


def weights(fitted):
    return np.concatenate([w.ravel() for w in fitted.model.get_weights()])


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


@pytest.mark.slow
@pytest.mark.parametrize(
    "train",
    [
        {},
        {"schedule": "cosine"},
        {"schedule": "one_cycle", "warmup": 1.0, "ema": 0.9, "optimizer": "nesterov", "weight_decay": 0.1},
        {"optimizer": "gradient_descent", "learning_rate": 0.3, "schedule": "cosine", "ema": 0.5},
    ],
)
def test_a_stopped_run_resumes_as_if_it_had_not_been(data, recipe, said, tmp_path, train, stopped):
    wanted = small(recipe, epochs=4, **train)
    whole = trained(data, wanted, tmp_path / "whole", said)

    stopped(2, data, wanted, tmp_path / "stopped", said)
    resumed = trained(data, wanted, tmp_path / "stopped", said)
    assert any("continuing after epoch 2 of 4" in s for s in said)
    assert len(resumed.history) == 4
    assert resumed.best_epoch == whole.best_epoch
    assert np.allclose(weights(resumed), weights(whole), atol=1e-6)


@pytest.mark.slow
def test_other_settings_and_damage_start_from_the_beginning(data, recipe, said, tmp_path):
    trained(data, small(recipe, epochs=1), tmp_path, said)
    fitted = trained(data, small(recipe, epochs=1, learning_rate=0.01), tmp_path, said)
    assert len(fitted.history) == 1
    assert not any("continuing" in s for s in said)
    assert said.count(f"{tmp_path} is of other settings or data: training starts from the beginning") == 1
    [last] = tmp_path.glob("last-*")
    last.write_bytes(b"half a checkpoint")
    assert len(trained(data, small(recipe, epochs=1, learning_rate=0.01), tmp_path, said).history) == 1
    assert said.count(f"{tmp_path} is damaged: training starts from the beginning") == 1
    last.unlink()
    assert len(trained(data, small(recipe, epochs=1, learning_rate=0.01), tmp_path, said).history) == 1
    assert said.count(f"{tmp_path} lacks a file: training starts from the beginning") == 1


def test_a_checkpoint_is_on_the_disk_before_it_replaces_the_last(data, recipe, said, tmp_path, monkeypatch):
    events, sync, move = [], os.fsync, Path.replace

    def fsync(handle):
        events.append(Path(os.readlink(f"/proc/self/fd/{handle}")).name)
        sync(handle)

    def replace(path, target):
        events.append("replace")
        return move(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    trained(data, small(recipe, epochs=1), tmp_path / "work", said)
    assert events == ["best-1.npz", "last-1.npz", "state.json.new", "replace", "work"]


def test_the_best_epoch_on_validation_is_the_one_returned(data, recipe, said, tmp_path):
    fitted = trained(data, small(recipe, epochs=3), tmp_path, said)
    assert fitted.best_epoch == best_epoch(fitted.history, len(data.validation), falls=False)
    best = fitted.history[fitted.best_epoch - 1]["val_accuracy"]
    images = data.validation.images.astype(np.float32) / 255
    named = fitted.model.predict(images, verbose=0).argmax(axis=1)
    assert np.mean(named == data.validation.labels) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize(
    ("found", "images", "best"),
    [
        ([0.5, 0.9, 0.8], 100, 2),  # ten of 100 images are no accident
        ([0.9, 0.9], 100, 2),  # of equals the last
        ([0.5, 0.90, 0.898], 2500, 3),  # five of 2,500 images are an accident
        ([0.5, 0.90, 0.898], 1_000_000, 2),  # of a million they are not
        ([0.90, 0.898, 0.95], 2500, 3),
        ([1.0, 0.999, 1.0, 0.99], 1000, 3),
        ([0.5, 1.0, 10 / 12, 11 / 12], 12, 4),  # all right once, by accident
        ([0.5, 1.0, 9 / 12, 8 / 12], 12, 2),
        ([0.0], 10, 1),
    ],
)
def test_which_epoch_is_best_where_the_rate_falls(found, images, best):
    assert best_epoch([{"val_accuracy": a} for a in found], images, falls=True) == best


def test_without_validation_the_last_epoch_is_kept():
    assert best_epoch([{"loss": 0.1}, {"loss": 0.2}], 0, falls=True) == 2


@pytest.mark.parametrize(
    ("found", "best"),
    [
        ([(0.5, 1.0), (0.9, 0.5), (0.8, 0.2)], 2),
        ([(0.9, 0.3), (0.9, 0.4)], 1),  # of equals the one that is surer of it
        ([(0.9, 0.3), (0.9, 0.3)], 2),
        ([(0.9, 0.3), (0.8999, 0.1)], 1),
        ([(0.0, 9.0)], 1),
    ],
)
def test_which_epoch_is_best_where_it_does_not(found, best):
    history = [{"val_accuracy": accuracy, "val_loss": loss} for accuracy, loss in found]
    assert best_epoch(history, 10, falls=False) == best


@pytest.mark.parametrize("falls", [False, True])
def test_an_epoch_is_best_immediately_or_never(falls):
    """Only the best epoch's weights are kept, so none may become it later."""
    rng = np.random.default_rng(0)
    for images in (1, 7, 50, 3000):
        history = []
        kept = 0
        for right in rng.integers(0, images + 1, 200):
            history.append({"val_accuracy": right / images, "val_loss": float(rng.integers(3))})
            best = best_epoch(history, images, falls=falls)
            assert best in (kept, len(history))
            kept = best


def test_an_epoch_shows_every_image_once(data, recipe):
    stream = Batches(data.train, AugmentSpec(), recipe.train).epochs()
    seen = [next(stream) for _ in range(-(-len(data.train) // 32))]
    assert sum(len(y) for _, y in seen) == len(data.train)
    shown = sorted(x.tobytes() for xs, _ in seen for x in xs)
    assert shown == sorted((i.astype(np.float32) * np.float32(1 / 255)).tobytes() for i in data.train.images)
    second = [next(stream) for _ in range(3)]
    assert not np.array_equal(seen[0][0], second[0][0]), "another order in the next epoch"
