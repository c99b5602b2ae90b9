import unicodedata

import pytest

from edgecnn.dataset import left_out, open_source
from edgecnn.dataset.layout import split_of
from edgecnn.errors import DataError


@pytest.fixture
def make(tmp_path):
    """Write a folder of empty images, named by their folders: `a/b` has one in it, `a/b*3` has three."""

    def made(*folders):
        root = tmp_path / "data"
        for text in folders:
            name, _, count = text.partition("*")
            (root / name).mkdir(parents=True, exist_ok=True)
            for k in range(int(count or 1)):
                (root / name / f"{k}.png").touch()
        return root

    return made


def splits(source):
    return {(source.labels[i.label], i.split) for i in source.items}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"), ("Training", "train"), ("TRAIN", "train"), ("training_set", "train"),
        ("trainset", "train"), ("train-images", "train"), ("seg_train", "train"), ("train data", "train"),
        ("ILSVRC2012_img_val", "validation"), ("valid", "validation"), ("validation", "validation"),
        ("asl_alphabet_test", "test"), ("Testing", "test"), ("test_set", "test"), ("testdata", "test"),
        ("trains", None), ("training shoes", None), ("test-multiple_fruits", None),
        ("contest", None),  # codespell:ignore contest
        ("set", None), ("", None), ("...", None),
    ],
)  # fmt: skip
def test_which_split_a_name_stands_for(name, split):
    assert split_of(name) == split


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ("train", "test", "train (train)"),
        ("training_set", "test_set", "training_set (train)"),
        ("Training", "Testing", "Testing (test)"),
        ("seg_train/seg_train", "seg_test/seg_test", "seg_train/seg_train (train)"),
        ("train/train", "test/test", "train/train (train)"),
        ("train/train/train", "test", "train/train/train (train)"),
        ("train/images", "test/images", "train/images (train)"),
        ("all/train", "all/test", "all/train (train)"),
        ("a/b/pets_train", "a/b/pets_test", "a/b/pets_train (train)"),
    ],
)
def test_layouts_that_people_have(make, train, test, said):
    root = make(f"{train}/cat", f"{train}/dog", f"{test}/cat", f"{test}/dog")
    source = open_source(root)
    assert splits(source) == {(c, s) for c in ("cat", "dog") for s in ("train", "test")}
    [line] = left_out(source)
    assert line.startswith(f"{root}: splits by folder: ")
    assert said in line
    assert "--layout classes" in line


def test_a_validation_split_too(make):
    root = make(*(f"{s}/{c}" for s in ("training", "validation", "testing") for c in "ab"))
    assert splits(open_source(root)) == {(c, s) for c in "ab" for s in ("train", "validation", "test")}


def test_a_class_called_train_is_a_class(make):
    source = open_source(make("train*3", "bus", "car", "truck"))
    assert source.labels == ("bus", "car", "train", "truck")
    assert {i.split for i in source.items} == {None}
    assert left_out(source) == ()


def test_two_tests_of_other_things_are_classes(make):
    assert open_source(make("blood_test", "urine_test")).labels == ("blood_test", "urine_test")


def test_images_to_predict_are_left_out_and_said(make):
    root = make("seg_train/a", "seg_train/b", "seg_test/a", "seg_test/b", "seg_pred/seg_pred*9")
    source = open_source(root)
    assert source.labels == ("a", "b")
    assert "left out seg_pred, no classes in it" in left_out(source)[0]
    assert len(source.items) == 4


def test_a_test_without_classes_is_left_out_and_said(make):
    source = open_source(make("x_train/x_train/a", "x_train/x_train/b", "x_test/x_test*9"))
    assert splits(source) == {("a", "train"), ("b", "train")}
    assert "left out x_test, no classes in it" in left_out(source)[0]


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (["train*4", "test*2"], "look like splits, but not with classes inside; found test (2 images)"),
        (["train*4", "val*2", "test", "other"], "look like splits"),
        (["train*4", "test/a", "test/b"], "'train' has no folders of classes in it"),
        (["train/a", "train/b", "test/a", "test/b", "extra/a"], "'extra' is next to test, train"),
        (["train/day/x", "train/night", "bus"], "'bus' is next to train"),
        (["fold1/a", "fold1/b", "fold2/a", "fold2/b"], "look like splits"),
        (["train1/a", "train1/b", "holdout/a", "holdout/b"], "look like splits"),
        (["train/a", "train/b", "training_set/a", "training_set/b"], "a second folder for the train split"),
        (["train/n01", "train/n02", "val/images"], "val has the folders images, and train has n01, n02"),
        (["train/a", "train/b", "train/test/a", "train/test/b"], "train has 'test' next to its classes"),
        (["x/train/a", "x/train/b", "x/x/train/a", "x/x/train/b"], "'x' is next to train"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)  # fmt: skip
def test_what_looks_like_splits_and_is_not_understood_is_refused(make, folders, said):
    with pytest.raises(DataError) as got:
        open_source(make(*folders))
    assert said in str(got.value)


def test_a_layout_can_be_said(make, run_cli):
    root = make("train*4", "test*4")
    assert open_source(root, "classes").labels == ("test", "train")
    run_cli("evaluate", "digits", "--data", root).fails("--layout classes or --layout splits")
    run_cli("evaluate", "digits", "--data", root, "--layout", "classes").fails("'test', 'train'", "'0', '1'")
    with pytest.raises(DataError, match="no folder called train, val or test that holds folders of classes"):
        open_source(root, "splits")


def test_splits_can_be_said(make):
    root = make("train/a", "train/b", "test/a", "test/b", "extra/a")
    source = open_source(root, "splits")
    assert splits(source) == {(c, s) for c in "ab" for s in ("train", "test")}
    assert "left out extra" in left_out(source)[0]
    assert open_source(root, "classes").labels == ("extra", "test", "train")
    assert {i.split for i in open_source(root, "classes").items} == {None}


def test_folders_without_images_are_no_splits_and_files_next_to_them_do_not_count(make):
    root = make("all/train/a", "all/train/b", "all/test/a", "all/test/b")
    (root / "all" / "docs").mkdir()
    (root / "all" / "docs" / "read.txt").touch()
    (root / "README.md").touch()
    (root / "data-preview.png").touch()
    source = open_source(root)
    assert source.labels == ("a", "b")
    assert left_out(source)[1] == f"{root}: left out an image that is in no class folder: data-preview.png"


def test_a_class_in_two_unicode_forms_is_one(make):
    composed, apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    source = open_source(make(f"train/{apart}", "train/bar", f"test/{composed}", "test/bar"))
    assert source.labels == ("bar", composed)
    assert splits(source) == {(c, s) for c in ("bar", composed) for s in ("train", "test")}
    assert len(source.items) == 4


def test_splits_in_another_language_are_pointed_out(make):
    source = open_source(make("训练/猫", "训练/船", "测试/猫", "测试/船"))
    assert source.labels == ("测试", "训练")
    [note] = source.notes
    assert "reads 测试, 训练 as classes, though they contain the same folders" in note
    assert open_source(make("cat/1", "dog/2")).notes == ()
