from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import edgecnn
from edgecnn.bundle.bundle import read_bundle
from edgecnn.classify.golden import check
from edgecnn.dataset import Item, open_source
from edgecnn_train.data import everything, read_images
from edgecnn_train.folds import is_small, make_folds
from edgecnn_train.pipeline import train
from edgecnn_train.recipe_file import read_recipe
from tests.images import write_photos

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


@pytest.mark.parametrize(
    ("counts", "split", "small"), [([49, 90], None, True), ([50, 90], None, False), ([20, 20], "test", False)]
)
def test_which_sets_are_small(counts, split, small):
    first, *others = [Item(f"{c}/{i}", c, None) for c, n in enumerate(counts) for i in range(n)]
    source = SimpleNamespace(labels=("a", "b"), items=[replace(first, split=split), *others])
    assert is_small(source) is small


def test_what_measures_a_fold_decided_nothing_about_it(photo_folder, said):
    recipe, source = read_recipe("scratch", [*QUICK, "folds=4"]), open_source(photo_folder)
    images = read_images(source, recipe, said.append)
    folds = make_folds(source, images, recipe, said.append)
    assert len(folds) == 4
    parts = [folds.data(number, recipe) for number in (1, 2, 3, 4)]
    assert [len(data.train) for data in parts] == list(folds.training)
    for data in parts:
        train, validation, test = (ids(s) for s in (data.train, data.validation, data.test))
        assert not train & validation
        assert not (train | validation) & test
        assert ids(data.calibration) <= train
    tests = [i for data in parts for i in ids(data.test)]
    assert sorted(tests) == sorted(i.id for i in source.items), "each image is tested once"
    whole = everything(source, images, recipe)
    assert ids(whole.train) == set(tests)
    assert len(whole.validation) == len(whole.test) == 0
    assert ids(whole.apart) == ids(whole.train) - ids(whole.calibration) != set()


def ids(split):
    return {item.id for item in split.items}


@pytest.mark.parametrize(("groups", "made"), [(3, 3), (2, 0), (1, 0)])
def test_groups_make_as_many_folds_as_they_can(photo_folder, said, groups, made):
    source, recipe = open_source(photo_folder), read_recipe("scratch", [*QUICK, "folds=5"])
    source.items = [replace(i, group=f"{i.label} {k % groups}") for k, i in enumerate(source.items)]
    folds = make_folds(source, read_images(source, recipe, said.append), recipe, said.append)
    assert len(folds or ()) == made
    if groups == 2:
        assert "no estimate by folds, fold 1 of 2 can't be made: no train image is left" in said[-1]
    if groups == 1:
        assert said[-1] == "no estimate by folds: the images of a class are all in one group"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A bundle of a small set, trained without a stop, and what was said."""
    folder = tmp_path_factory.mktemp("whole")
    write_photos(folder / "photos")
    lines: list[str] = []
    made = train(read_recipe("scratch", QUICK), open_source(folder / "photos"), folder / "mine", lines.append)
    return made, lines


@pytest.mark.slow
def test_the_model_is_there_before_the_folds_begin_and_learns_from_all_images_after_them(whole):
    made, lines = whole
    published = [k for k, line in enumerate(lines) if line.startswith("published")]
    begun = next(k for k, line in enumerate(lines) if line.startswith("few images: 1 more"))
    assert len(published) == 2
    assert published[0] < begun < published[1]
    manifest = made.manifest.document
    assert manifest["training"]["pictures"] == {"train": 40, "validation": 0, "test": 0}
    folds = manifest["accuracy"]["folds"]
    assert len(folds["top1"]) == len(folds["epochs"]) == 2
    assert manifest["accuracy"]["test_pictures"] == folds["pictures"] == 40
    assert manifest["variants"]["int8"]["accuracy"] == pytest.approx(np.mean(folds["top1"]))
    assert folds["mean"] > 0.6, "red and green are easy to tell apart"
    assert manifest["training"]["epochs"] == round(np.median(folds["epochs"]))
    assert not made.folder.with_name("mine.training").exists()


@pytest.mark.slow
def test_the_card_names_what_each_number_measures(whole):
    card = (whole[0].folder / "CARD.md").read_text("utf-8")
    for part in (
        "# mine",
        "| top-1 by 2 folds, 40 images |",
        "All accuracies here are of 2 networks of the same recipe",
        "All 40 images are for training; 8 of them set the int8 ranges.",
        "the median of those that were best on each fold's validation images",
        "are of the folds' networks, each with the temperature and threshold that its own",
    ):
        assert part in card, part


@pytest.mark.slow
def test_the_time_that_is_left_is_that_of_the_whole_run(whole):
    lines = [line for line in whole[1] if "ETA" in line]
    assert (
        sum(
            line.startswith(("quantizing; ETA", "verifying; ETA", "writing the report; ETA"))
            for line in lines
        )
        == 6
    )
    last = next(line for line in lines if line.startswith("epoch 10/10"))
    assert not last.endswith("ETA 0:00:00"), "folds and the report are still to come"


@pytest.mark.slow
def test_ctrl_c_keeps_the_first_model_and_the_same_call_resumes(whole, tmp_path):
    recipe = read_recipe("scratch", QUICK)
    write_photos(tmp_path / "photos")
    source, lines = open_source(tmp_path / "photos"), []

    for after in ("fold 1 of 2", "training on all"):

        def say(line, after=after):
            lines.append(line)
            if line.startswith(after):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(recipe, source, tmp_path / "mine", say, show="none")
        assert lines[-1].endswith("has the first model, trained on 18 of 40 images")
        first = read_bundle(tmp_path / "mine")
        assert first.manifest.document["accuracy"]["folds"] is None
        with edgecnn.load(tmp_path / "mine") as classifier:
            assert check(classifier).agrees
    made = train(recipe, source, tmp_path / "mine", lines.append, show="none")
    assert any("continuing after epoch 10 of 10" in line for line in lines)
    for variant in ("int8", "float32"):
        assert made.variants[variant].sha256 == whole[0].variants[variant].sha256
