from edgecnn.dataset import Item
from edgecnn.dataset.folds import fold_items, possible_folds


def items_of(counts, group=lambda i: None):
    return [Item(f"{c}/{i}", c, None, group(i)) for c, n in enumerate(counts) for i in range(n)]


def test_every_image_is_in_one_test_and_classes_are_spread_evenly():
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
