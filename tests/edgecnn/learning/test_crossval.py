import numpy as np
import pytest

from edgecnn.dataset.duplicates import unit
from edgecnn.learning import crossval
from edgecnn.learning.alike import ALIKE
from edgecnn.learning.crossval import (
    Choice,
    Fold,
    answer,
    answer_strictly,
    choose,
    make_folds,
    softmax,
    teach,
)
from tests.edgecnn.learning.made import directions, doubled, made

CHOICE = Choice(0.1, ("plain",))


@pytest.mark.parametrize("seed", range(12))
def test_near_duplicates_and_groups_are_never_on_both_sides(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(4, 12, rng.integers(2, 5))
    rows, labels = doubled(*directions(counts, spread=2, seed=seed), times=int(rng.integers(1, 4)))
    groups = [f"g{rng.integers(40)}" if rng.random() < 0.3 else None for _ in labels]
    photos = made(rows, labels, groups)
    folds = make_folds(photos, seed)
    if len(folds) < 2:
        pytest.skip("one group")
    cosines = unit(rows) @ unit(rows).T
    pairs = np.argwhere(cosines >= ALIKE)
    for fold in folds:
        assert sorted([*fold.taught, *fold.tested]) == list(range(len(labels)))
        tested = set(fold.tested.tolist())
        for pair in pairs:
            assert (pair[0] in tested) == (pair[1] in tested)
        named = {groups[k] for k in tested} & {groups[k] for k in fold.taught.tolist()}
        assert named <= {None}
    assert sorted(np.concatenate([f.tested for f in folds])) == list(range(len(labels)))


def test_folds_are_stratified_and_repeatable():
    photos = made(*directions([25, 10], spread=3))
    folds = make_folds(photos, 3)
    assert len(folds) == 5
    for fold in folds:
        assert np.bincount(photos.labels[fold.tested]).tolist() == [5, 2]
    again, other = make_folds(photos, 3), make_folds(photos, 4)
    assert all((a.tested == b.tested).all() for a, b in zip(folds, again, strict=True))
    assert any((a.tested != b.tested).any() for a, b in zip(folds, other, strict=True))


def test_a_class_of_one_scene_is_divided_all_the_same():
    rows, labels = directions([8, 8], spread=2)
    rows[labels == 0] = rows[0]
    folds = make_folds(made(rows, labels), 0)
    assert len(folds) == 5
    assert all((labels[f.tested] == 0).any() for f in folds)


def test_a_class_of_one_group_is_divided_all_the_same():
    """The groups of a CSV may leave a class in a single one."""
    rows, labels = directions([8, 8], spread=2)
    photos = made(rows, labels, ["one" if label == 0 else None for label in labels])
    folds = make_folds(photos, 0)
    assert len(folds) == 5
    assert len(answer_strictly(photos, 2, folds, 0).places) == 16


def test_three_photos_make_three_folds():
    photos = made(*directions([3, 9], spread=2))
    folds = make_folds(photos, 0)
    assert len(folds) == 3
    assert answer_strictly(photos, 2, folds, 0).logits.shape == (12, 2)


def test_each_photo_is_answered_by_a_head_that_was_not_taught_it():
    """A label that says nothing can't be answered, in spite of a head that fits all photos."""
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 1, (80, 100)).astype(np.float32)
    photos = made(rows, rng.permutation(np.arange(80) % 2))
    folds = make_folds(photos, 0)
    assert (teach(photos, 2, CHOICE).logits(rows).argmax(axis=1) == photos.labels).all()
    for answers in (answer(photos, 2, folds, CHOICE, 0), answer_strictly(photos, 2, folds, 0)):
        assert answers.places.tolist() == list(range(80))
        assert 0.25 < (answers.logits.argmax(axis=1) == photos.labels).mean() < 0.75
        assert answers.nearness.shape == (80,)
        assert (answers.nearness < 0.9).all(), "no prototype was its own"


def test_answers_of_classes_that_differ_are_right():
    photos = made(*directions([12, 9, 15], spread=0.8))
    folds = make_folds(photos, 1)
    answers = answer_strictly(photos, 3, folds, 1)
    assert (answers.logits.argmax(axis=1) == photos.labels).mean() > 0.95
    again = answer_strictly(photos, 3, folds, 1)
    np.testing.assert_array_equal(answers.logits, again.logits)


def test_a_strict_answer_is_chosen_by_the_taught_photos_alone(monkeypatch):
    photos = made(*directions([10, 10], spread=2))
    folds = make_folds(photos, 0)
    seen = []
    real = crossval.choose
    monkeypatch.setattr(
        crossval, "choose", lambda p, *rest: seen.append({i.id for i in p.items}) or real(p, *rest)
    )
    answer_strictly(photos, 2, folds, 0)
    assert seen == [{photos.items[k].id for k in fold.taught} for fold in folds]


def test_where_photos_can_not_tell_the_penalty_is_strong_and_all_views_are_taken():
    rng = np.random.default_rng(4)
    noise = made(rng.normal(0, 1, (60, 40)), np.arange(60) % 2)
    assert choose(noise, 2, make_folds(noise, 0)).strength >= 0.3


def test_many_photos_that_a_strong_penalty_confuses_get_a_weak_one():
    rng = np.random.default_rng(5)
    labels = np.arange(400) % 2
    rows = rng.normal(0, 1, (400, 40))
    rows[:, 0] *= 20  # says nothing, and is what the penalty leaves free
    rows[:, 1] += np.where(labels, 2.5, -2.5)
    photos = made(rows, labels)
    assert choose(photos, 2, make_folds(photos, 0)).strength < 1


def test_views_are_chosen_where_they_help():
    """Views that show each photo as another class hurt; ones with more of its own class help."""
    rows, labels = directions([6, 6], values=60, spread=4)
    centers = np.stack([rows[labels == k].mean(axis=0) for k in (0, 1)])
    helpful = made(rows, labels, closer=centers[labels])
    harmful = made(rows, labels, closer=centers[1 - labels])
    folds = make_folds(helpful, 0)
    assert choose(harmful, 2, folds).views == ("plain",)
    assert choose(made(rows, labels), 2, folds).views == ("plain",)
    assert choose(helpful, 2, folds).views == ("plain", "closer")


def test_views_are_taught_with_the_labels_of_their_photos():
    rows, labels = directions([5, 5])
    photos = made(rows, labels, mirror=rows)
    one, two = (
        teach(photos, 2, Choice(0.1, views)).logits(rows) for views in (("plain",), ("plain", "mirror"))
    )
    np.testing.assert_allclose(one, two, atol=0.05)


def test_softmax_of_large_logits():
    found = softmax(np.array([[1e4, 0], [0, np.log(3)]], np.float32))
    np.testing.assert_allclose(found, [[1, 0], [0.25, 0.75]], atol=1e-6)


def test_a_fold_of_given_places():
    photos = made(*directions([4, 4], spread=0.1))
    fold = Fold(np.array([0, 1, 4, 5]), np.array([2, 3, 6, 7]))
    found = answer(photos, 2, [fold], CHOICE, 0)
    assert found.places.tolist() == [2, 3, 6, 7]
    assert found.logits.argmax(axis=1).tolist() == [0, 0, 1, 1]
