import numpy as np
import pytest

from edgecnn.learning import alike
from edgecnn.learning.alike import grouped, near_duplicates
from tests.edgecnn.learning.made import directions, made


def at_angles(*degrees):
    return np.array([[np.cos(np.radians(d)), np.sin(np.radians(d))] for d in degrees], np.float32)


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


def test_a_scene_of_many_photos_has_a_pair_for_each_further_one():
    found = near_duplicates(at_angles(*range(10)))
    assert {(p.first, p.second) for p in found} == {(k, k + 1) for k in range(9)}, (
        "with the most alike before"
    )
    many = np.random.default_rng(0).normal(10, 0.1, (1500, 64)).astype(np.float32)
    assert len(near_duplicates(many)) == 1499
    assert len({item.group for item in grouped(made(many, np.zeros(1500, int)))}) == 1


def test_long_chains_are_one_group():
    order = np.random.default_rng(1).permutation(40)
    photos = made(at_angles(*(order * 8.0)), np.zeros(40, int))
    assert len({item.group for item in grouped(photos)}) == 1


def test_groups_are_joined_by_chains_and_by_those_given():
    photos = made(at_angles(0, 15, 30, 90, 120, 300), [0, 0, 1, 1, 1, 0], [None, None, None, "a", "a", None])
    groups = [item.group for item in grouped(photos)]
    assert groups[0] == groups[1] == groups[2], "0° and 30° through 15°, also of two classes"
    assert groups[3] == groups[4] != groups[0], "the group of the data"
    assert len(set(groups)) == 3
    assert [i.id for i in grouped(photos)] == list("012345")
