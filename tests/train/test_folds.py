from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from edgecnn.dataset import Item, open_source
from edgecnn_train.folds import estimate, fold_items, is_small, possible_folds
from edgecnn_train.recipe_file import read_recipe

QUICK = [
    "epochs=10",
    "batch_size=4",
    "learning_rate=0.01",
    "augment.light=0",
    "folds=2",
    "input.width=28",
    "input.height=28",
    "filters=[8]",
    "dense=[8]",
    "calibration=8",
]


def items_of(counts, group=lambda i: None):
    return [Item(f"{c}/{i}", c, None, group(i)) for c, n in enumerate(counts) for i in range(n)]


def test_every_picture_is_in_one_test_and_classes_are_spread_evenly():
    items = items_of([20, 33, 7])
    folds = fold_items(items, 5, seed=1)
    tests = [[i for i in fold if i.split == "test"] for fold in folds]
    assert sorted(i.id for t in tests for i in t) == sorted(i.id for i in items)
    for label, count in enumerate([20, 33, 7]):
        sizes = [sum(i.label == label for i in t) for t in tests]
        assert max(sizes) - min(sizes) <= 1, (label, sizes)
        assert sum(sizes) == count
    assert [i.split for i in fold_items(items, 5, seed=2)[0]] != [i.split for i in folds[0]]


def test_a_group_is_in_one_fold():
    folds = fold_items(items_of([24, 24], group=lambda i: f"walk {i // 4}"), 3, seed=0)
    tests = [{i.group for i in fold if i.split == "test"} for fold in folds]
    assert sum(map(len, tests)) == len(set.union(*tests)) == 6


def test_no_more_folds_than_the_rarest_class_has_groups():
    assert possible_folds(items_of([24, 12], group=lambda i: f"walk {i // 4}")) == 3
    assert possible_folds(items_of([9, 12])) == 9


@pytest.mark.parametrize(
    ("counts", "split", "small"), [([49, 90], None, True), ([50, 90], None, False), ([20, 20], "test", False)]
)
def test_which_sets_are_small(counts, split, small):
    first, *others = items_of(counts)
    source = SimpleNamespace(labels=("a", "b"), items=[replace(first, split=split), *others])
    assert is_small(source) is small


def test_an_estimate_uses_every_picture_and_goes_on_where_it_was_stopped(photo_folder, tmp_path, said):
    recipe = read_recipe("photos", QUICK)
    source = open_source(photo_folder)
    found = estimate(recipe, source, tmp_path, said.append)
    assert len(found.top1) == 2
    assert found.pictures == 40
    assert found.mean == pytest.approx(np.mean(found.top1))
    assert found.mean > 0.6, "red and green are easy to tell apart"
    (tmp_path / "fold-2" / "top1.json").write_text("half")
    before = (tmp_path / "fold-1" / "top1.json").stat().st_mtime_ns
    again = estimate(recipe, source, tmp_path, said.append)
    assert again == found
    assert (tmp_path / "fold-1" / "top1.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(("groups", "made"), [(3, 3), (2, None)])
def test_groups_make_as_many_folds_as_they_can(photo_folder, tmp_path, said, groups, made):
    source = open_source(photo_folder)
    source.items = [replace(i, group=f"{i.label} {k % groups}") for k, i in enumerate(source.items)]
    found = estimate(read_recipe("photos", [*QUICK, "epochs=1", "folds=5"]), source, tmp_path, said.append)
    if made is None:
        assert found is None
        assert "no estimate by folds, fold 1 of 2 can't be made: no train picture is left" in said[-1]
    else:
        assert len(found.top1) == made
