import numpy as np
import pytest

from edgecnn.dataset.duplicates import unit
from edgecnn.learning import alike
from edgecnn.learning.alike import grouped, near_duplicates
from tests.edgecnn.learning.made import directions, made


@pytest.fixture
def from_zero(monkeypatch):
    """Angles are from the origin, and the limit is between 19° and 21°."""
    monkeypatch.setattr(alike, "_mean", lambda embeddings: np.zeros(embeddings.shape[1], np.float32))
    monkeypatch.setattr(alike, "ALIKE", 0.94)


def test_what_all_photos_have_in_common_does_not_make_them_alike():
    common = np.random.default_rng(3).normal(4, 1, (40, 64)).astype(np.float32)
    cosines = unit(common) @ unit(common).T
    assert cosines.min() > 0.9
    assert np.sort(cosines, axis=1)[:, -2].max() < 0.99
    assert near_duplicates(common) == []
    common[7] = common[3]
    assert [(p.first, p.second) for p in near_duplicates(common)] == [(3, 7)]


def at_angles(*degrees):
    return np.array([[np.cos(np.radians(d)), np.sin(np.radians(d))] for d in degrees], np.float32)


@pytest.mark.usefixtures("from_zero")
def test_pairs_are_those_within_twenty_degrees():
    """Cos 19° is 0.946 and cos 21° is 0.934: the limit lies between."""
    found = near_duplicates(at_angles(0, 19, 40, 59.5) * [[1], [5], [0.1], [1]])
    assert [(p.first, p.second) for p in found] == [(0, 1), (2, 3)]
    assert [p.cosine for p in found] == pytest.approx([np.cos(np.radians(19)), np.cos(np.radians(19.5))])
    assert near_duplicates(at_angles(0, 30, 60)) == []


def test_pairs_do_not_depend_on_blocks(monkeypatch):
    rows, _ = directions([30, 30], spread=0.6)
    whole = near_duplicates(rows)
    assert whole
    assert all(p.first < p.second for p in whole)
    monkeypatch.setattr(alike, "_BLOCK", 7)
    assert [p[:2] for p in near_duplicates(rows)] == [p[:2] for p in whole]


def test_empty_and_zero_embeddings_have_no_pairs():
    assert near_duplicates(np.zeros((0, 4), np.float32)) == []
    assert near_duplicates(np.zeros((3, 4), np.float32)) == []


@pytest.mark.usefixtures("from_zero")
def test_a_scene_of_many_photos_has_a_pair_for_each_further_one():
    found = near_duplicates(at_angles(*range(10)))
    assert {(p.first, p.second) for p in found} == {(k, k + 1) for k in range(9)}, (
        "with the most alike before"
    )
    many = np.random.default_rng(0).normal(10, 0.1, (1500, 64)).astype(np.float32)
    assert len(near_duplicates(many)) == 1499
    assert len({item.group for item in grouped(made(many, np.zeros(1500, int)))}) == 1


@pytest.mark.usefixtures("from_zero")
def test_long_chains_are_one_group():
    order = np.random.default_rng(1).permutation(40)
    photos = made(at_angles(*(order * 8.0)), np.zeros(40, int))
    assert len({item.group for item in grouped(photos)}) == 1


@pytest.mark.usefixtures("from_zero")
def test_groups_are_joined_by_chains_and_by_those_given():
    photos = made(at_angles(0, 15, 30, 90, 120, 300), [0, 0, 1, 1, 1, 0], [None, None, None, "a", "a", None])
    groups = [item.group for item in grouped(photos)]
    assert groups[0] == groups[1] == groups[2], "0° and 30° through 15°, also of two classes"
    assert groups[3] == groups[4] != groups[0], "the group of the data"
    assert len(set(groups)) == 3
    assert [i.id for i in grouped(photos)] == list("012345")


def test_photos_that_are_all_alike_have_few_pairs():
    """Each photo with its twin, not 124,750 pairs: of 5,000 photos all pairs would fill 3 GB."""
    rng = np.random.default_rng(0)
    rows = np.repeat(rng.normal(1, 0.1, (250, 32)), 2, axis=0) + rng.normal(0, 1e-3, (500, 32))
    found = near_duplicates(rows.astype(np.float32))
    assert len(found) <= 499
    assert {(k, k + 1) for k in range(0, 500, 2)} <= {p[:2] for p in found}
    items = grouped(made(rows, [0] * 500))
    assert len({item.group for item in items}) == 1
