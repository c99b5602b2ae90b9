import numpy as np
import pytest

from edgecnn.dataset.duplicates import unit
from edgecnn.learning.prototypes import find_prototypes, nearness, nearness_threshold
from tests.edgecnn.learning.made import directions


def test_two_scenes_of_a_class_become_two_prototypes_by_hand():
    rows = np.array([[2, 0.1], [3, -0.15], [0.1, 1], [-0.2, 2]], np.float32)
    found = find_prototypes(rows, np.zeros(4, np.int64), 0)
    np.testing.assert_allclose(sorted(found.tolist()), [[0, 1], [1, 0]], atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(("photos", "expected"), [(1, 1), (3, 1), (4, 2), (9, 4), (20, 10), (200, 10)])
def test_there_are_at_most_ten_and_one_for_two_photos(photos, expected):
    rows, labels = directions([photos], spread=2)
    found = find_prototypes(rows, labels, 0)
    assert 1 <= len(found) <= expected
    assert found.dtype == np.float32


@pytest.mark.parametrize("seed", range(8))
def test_no_prototype_is_a_photo(seed):
    """A photo unlike all others of its class would be a prototype of its own, and could be recognized."""
    rows, labels = directions([10, 7], values=12, spread=0.4, seed=seed)
    rng = np.random.default_rng(seed)
    rows[[0, 12]] = rng.normal(0, 3, (2, 12))
    found = find_prototypes(rows, labels, seed)
    assert (unit(rows) @ found.T).max() < 0.9999


def test_photos_that_are_all_the_same_have_one_prototype():
    rows = np.tile(np.array([[3, 4]], np.float32), (9, 1))
    found = find_prototypes(rows, np.zeros(9, np.int64), 0)
    np.testing.assert_allclose(np.unique(found.round(5), axis=0), [[0.6, 0.8]], atol=1e-5)
    assert find_prototypes(np.zeros((6, 2), np.float32), np.zeros(6, np.int64), 0).shape[1] == 2


def test_they_are_the_same_for_the_same_seed():
    rows, labels = directions([30, 30], spread=2)
    np.testing.assert_array_equal(find_prototypes(rows, labels, 1), find_prototypes(rows, labels, 1))


def test_nearness_is_the_largest_cosine():
    prototypes = np.array([[1, 0], [0, 1]], np.float32)
    rows = np.array([[3, 4], [-2, 0], [0, 0], [0, 9]], np.float32)
    np.testing.assert_allclose(nearness(rows, prototypes), [0.8, 0, 0, 1], atol=1e-6)


@pytest.mark.parametrize("count", [3, 10, 20, 60, 199])
def test_the_threshold_rejects_at_most_a_twentieth(count):
    values = np.random.default_rng(count).uniform(0.3, 1, count).astype(np.float32)
    threshold = nearness_threshold(values, 0.05)
    assert (values < threshold).mean() <= 0.05
    assert threshold * 128 == int(threshold * 128)


def test_new_photos_like_these_are_rejected_at_most_as_often_as_asked():
    rng, rejected = np.random.default_rng(0), []
    for _ in range(400):
        values = rng.normal(0.6, 0.1, 41).astype(np.float32)
        rejected.append((rng.normal(0.6, 0.1, 200) < nearness_threshold(values, 0.05)).mean())
    assert 0.035 < np.mean(rejected) < 0.05


def test_the_threshold_by_hand():
    values = np.arange(1, 20, dtype=np.float32) / 20  # 19: a twentieth of twenty is the first one
    assert nearness_threshold(values, 0.05) == np.floor(0.05 * 128) / 128
    assert nearness_threshold(values, 0.1) == np.floor(0.1 * 128) / 128
    few = np.array([0.7, 0.5, 0.8], np.float32)
    assert nearness_threshold(few, 0.05) == 0.5
    assert nearness_threshold(np.array([-3], np.float32), 0.05) == -1


def test_a_photo_that_is_there_twice_is_no_prototype():
    for seed in range(20):
        rows = np.random.default_rng(seed).normal(0.3, 1, (12, 64)).astype(np.float32)
        rows[1] = rows[0]
        found = find_prototypes(rows, np.zeros(12, np.int64), seed)
        assert nearness(rows[:1], found) < 0.99
