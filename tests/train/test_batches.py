from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from edgecnn_train.batches import Batches, class_weights, scaled
from edgecnn_train.losses import soften
from edgecnn_train.recipe import AugmentSpec, TrainSpec
from edgecnn_train.splits import LabeledImages

COUNT = 21
LABELS = np.array([0] * 12 + [1] * 6 + [2] * 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8, 1)).astype(np.uint8)
SPLIT = LabeledImages(IMAGES, LABELS, (None,) * COUNT)
SPEC = TrainSpec(batch_size=8)


def epoch(change=AugmentSpec(), first=0, teacher=None, **train):  # noqa: B008 - it is frozen
    """One epoch's batches."""
    batches = Batches(SPLIT, change, replace(SPEC, **train), teacher)
    stream = batches.epochs(first)
    return [next(stream) for _ in range(batches.steps)]


def same(a, b):
    return all(np.array_equal(x, y) for p, q in zip(a, b, strict=True) for x, y in zip(p, q, strict=True))


def test_an_epoch_is_every_image_once_and_its_last_batch_is_smaller():
    batches = epoch()
    assert [len(x) for x, _ in batches] == [8, 8, 5]
    shown = Counter(x.tobytes() for xs, _ in batches for x in xs)
    assert shown == Counter(x.tobytes() for x in scaled(IMAGES))
    for x, y in batches:
        assert (x.dtype, y.dtype) == (np.float32, np.int64)


def test_order_and_changes_depend_on_the_seed_and_the_epoch_alone():
    change = AugmentSpec(noise=10, mixup=0.3, cutmix=1.0, randaugment=5)
    batches = Batches(SPLIT, change, SPEC)
    stream = batches.epochs()
    both = [next(stream) for _ in range(2 * batches.steps)]
    assert same(both[batches.steps :], epoch(change, first=1)), "as a run that is resumed would have it"
    assert not same(both[: batches.steps], both[batches.steps :])
    assert not same(both[: batches.steps], epoch(change, seed=1))


@pytest.mark.parametrize("name", ["categorical_crossentropy", "mean_squared_error", "focal"])
def test_dense_losses_get_one_hot_targets(name):
    for x, y in epoch(loss=name):
        assert (y.dtype, y.shape) == (np.float32, (len(x), 3))
        assert (y.max(axis=1) == 1).all()
        assert (y.sum(axis=1) == 1).all()


def test_label_smoothing_is_spread_over_all_classes_alike():
    plain = epoch()
    for (_, labels), (_, y) in zip(plain, epoch(label_smoothing=0.3), strict=True):
        assert y == pytest.approx(0.7 * np.eye(3)[labels] + 0.1, abs=1e-6)
        assert np.allclose(y.sum(axis=1), 1)


def test_class_weights_make_classes_count_alike_and_are_one_in_the_mean():
    weights = class_weights(LABELS)
    assert weights == pytest.approx([21 / 36, 21 / 18, 21 / 9])
    assert weights[LABELS].mean() == pytest.approx(1)
    assert np.bincount(LABELS, weights[LABELS]) == pytest.approx([7, 7, 7])
    for _, y, w in epoch(class_weights="balanced"):
        assert w == pytest.approx(weights[y])


def test_a_mixed_image_is_weighted_by_its_classes():
    batches = epoch(AugmentSpec(mixup=1.0), class_weights="balanced")
    assert any((np.count_nonzero(y, axis=1) == 2).any() for _, y, _ in batches)
    for _, y, w in batches:
        assert w == pytest.approx(y @ class_weights(LABELS), rel=1e-5)


@pytest.mark.parametrize("weights", ["none", "balanced"])
def test_full_batches_are_weighted_so_that_each_image_counts_the_same(weights):
    plain = class_weights(LABELS) if weights == "balanced" else np.ones(3)
    seen = epoch(optimizer="gradient_descent", class_weights=weights)
    for _, y, w in seen:
        assert w / len(y) * COUNT / len(seen) == pytest.approx(plain[y]), "its part of the mean over batches"


class Teacher:
    """Answers by the image's mean."""

    def predict_on_batch(self, images):
        mean = images.mean(axis=(1, 2, 3))
        return np.stack([mean, 1 - mean, np.zeros_like(mean)], axis=1)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_a_teachers_softened_answer_to_the_same_image_is_given_with_the_truth(temperature):
    change = AugmentSpec(noise=20, mixup=1.0)
    taught = epoch(change, teacher=Teacher(), temperature=temperature)
    for (x, y), (_, alone) in zip(taught, epoch(change, label_smoothing=1e-9), strict=True):
        assert y.shape == (len(x), 6)
        assert y[:, :3] == pytest.approx(alone, abs=1e-6)
        softened = np.asarray(soften(Teacher().predict_on_batch(x), temperature))
        assert y[:, 3:] == pytest.approx(softened, abs=1e-5)
        assert np.allclose(y[:, 3:].sum(axis=1), 1)


def test_validation_targets_are_neither_mixed_nor_smoothed():
    for spec in (SPEC, replace(SPEC, loss="focal")):
        batches = Batches(SPLIT, AugmentSpec(), spec)
        expected = LABELS if batches.sparse else np.eye(3)[LABELS]
        assert np.array_equal(batches.targets(LABELS), expected)
    smooth = Batches(SPLIT, AugmentSpec(cutmix=1.0), replace(SPEC, label_smoothing=0.1))
    assert np.array_equal(smooth.targets(LABELS), np.eye(3)[LABELS])
    taught = Batches(SPLIT, AugmentSpec(), SPEC, Teacher())
    assert taught.targets(LABELS).shape == (COUNT, 6)


def test_the_time_that_batches_take_is_counted():
    batches = Batches(SPLIT, AugmentSpec(rotate=20), SPEC)
    next(batches.epochs())
    assert batches.clock.seconds > 0
