import shutil

import numpy as np
import pytest

from edgecnn.dataset import open_source
from edgecnn.errors import DataError
from edgecnn_train.data import find_recipe_data, load_data
from edgecnn_train.recipe_file import read_recipe
from edgecnn_train.splits import stratified


def ids(split):
    return {item.id for item in split.items}


def assert_splits_are_sound(data):
    parts = [ids(data.train), ids(data.validation), ids(data.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)), "no image is in two splits"
    assert ids(data.calibration) <= ids(data.train), "calibration comes from the training split only"
    assert not ids(data.calibration) & (ids(data.validation) | ids(data.test))
    for split in (data.train, data.validation, data.test, data.calibration):
        assert set(split.labels.tolist()) == set(range(len(data.labels))), "every class is in every split"
        assert len(split.images) == len(split.labels) == len(split.items)
        assert [i.label for i in split.items] == split.labels.tolist()


def test_splits_of_idx_files_are_disjoint_and_stratified(idx_folder, recipe, said):
    data = load_data(open_source(idx_folder), recipe, said.append)
    assert_splits_are_sound(data)
    assert (len(data.train), len(data.validation), len(data.test), len(data.calibration)) == (
        540,
        60,
        200,
        50,
    )
    assert np.bincount(data.validation.labels).tolist() == [6] * 10
    assert np.bincount(data.calibration.labels).tolist() == [5] * 10
    assert data.train.images.shape == (540, 28, 28, 1)
    assert not data.skipped


def test_splits_of_a_folder_are_disjoint_and_stratified(photo_folder, said):
    data = load_data(open_source(photo_folder), read_recipe("scratch"), said.append)
    assert_splits_are_sound(data)
    assert (len(data.train), len(data.validation), len(data.test)) == (28, 4, 8)


def test_the_seed_decides_the_splits(photo_folder, said):
    first, again, other = (
        load_data(open_source(photo_folder), read_recipe("scratch", [f"seed={s}"]), said.append)
        for s in (1, 1, 2)
    )
    assert first.digest == again.digest
    assert ids(first.test) == ids(again.test)
    assert ids(first.test) != ids(other.test)


def test_size_and_color_are_chosen_from_the_images_and_reported(photo_folder, idx_folder, said):
    data = load_data(open_source(photo_folder), read_recipe("scratch"), said.append)
    assert (data.input.width, data.input.color) == (48, "rgb")
    assert any("48×48" in s for s in said)
    data = load_data(open_source(idx_folder), read_recipe("scratch"), said.append)
    assert (data.input.width, data.input.color) == (28, "gray")
    assert any("color gray" in s for s in said)


def test_a_corrupt_image_is_named_skipped_and_counted(photo_folder, said):
    (photo_folder / "pears" / "broken ü.jpg").write_bytes(b"\xff\xd8 not really")
    (photo_folder / "pears" / "empty.png").write_bytes(b"")
    data = load_data(open_source(photo_folder), read_recipe("scratch"), said.append)
    assert_splits_are_sound(data)
    assert len(data.skipped) == 2
    assert any("broken ü.jpg" in s for s in said)
    assert "skipped 2 of 42 images" in said
    assert sum(map(len, (data.train, data.validation, data.test))) == 40


def test_what_is_not_read_counts_as_skipped(photo_folder, said):
    (photo_folder / "pears" / "x.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (photo_folder / "pears" / "empty.png").write_bytes(b"")
    data = load_data(open_source(photo_folder), read_recipe("scratch"), said.append)
    assert len(data.skipped) == 2
    assert sum("HEIC" in line for line in said) == 1


def test_only_some_of_many_that_cannot_be_read_are_named(photo_folder, said):
    for k in range(30):
        (photo_folder / "pears" / f"broken-{k}.jpg").write_bytes(b"x")
    data = load_data(open_source(photo_folder), read_recipe("scratch"), said.append)
    assert len(data.skipped) == 30
    assert sum(line.startswith("skipped: ") for line in said) == 5
    assert "skipped 30 of 70 images" in said


def test_a_class_that_is_in_no_training_split_is_named(photo_folder, said):
    for split in ("train", "test"):
        for label in ("pears", "äpfel", "plums")[: 3 if split == "test" else 2]:
            target = photo_folder / split / label
            target.mkdir(parents=True)
            source = photo_folder / ("pears" if label == "plums" else label)
            for path in sorted(source.iterdir())[:6]:
                (target / path.name).write_bytes(path.read_bytes())
    for label in ("pears", "äpfel"):
        shutil.rmtree(photo_folder / label)
    with pytest.raises(DataError, match="no train image is left for the class 'plums': add images"):
        load_data(open_source(photo_folder), read_recipe("scratch"), said.append)


def test_a_class_with_too_few_readable_images_is_named(photo_folder, said):
    for path in sorted((photo_folder / "pears").glob("*"))[2:]:
        path.write_bytes(b"broken")
    with pytest.raises(DataError, match="'pears' has 2 readable images"):
        load_data(open_source(photo_folder), read_recipe("scratch"), said.append)


@pytest.mark.parametrize("count", [10, 37, 100])
def test_stratified_keeps_the_proportions_of_the_classes(count):
    labels = np.array([0] * 500 + [1] * 300 + [2] * 200)
    chosen = stratified(labels, count, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == count
    shares = np.bincount(labels[chosen]) / count
    assert np.abs(shares - [0.5, 0.3, 0.2]).max() <= 1 / count


def test_a_sample_has_every_class_though_images_are_sorted_by_class(idx_folder, recipe, said):
    train = load_data(open_source(idx_folder), recipe, said.append).train
    ordered = train.take(np.argsort(train.labels, kind="stable"))
    sample = ordered.sample(20, seed=3)
    assert np.bincount(sample.labels).tolist() == [2] * 10
    assert [i.id for i in sample.items] == [i.id for i in ordered.sample(20, seed=3).items]
    assert len(train.sample(10**6, seed=3)) == len(train)


def test_images_go_through_the_runtimes_own_preprocessing(photo_folder, said):
    from edgecnn.image.preprocess import Preprocessor
    from edgecnn_train.data import input_tensor

    data = load_data(open_source(photo_folder), read_recipe("scratch"), said.append)
    view = Preprocessor(data.input._replace(), input_tensor(data.input))
    for k in (0, 5):
        assert np.array_equal(view.pixels(data.source.read(data.train.items[k])), data.train.images[k])


def test_data_of_another_name_get_neither_the_recipes_name_nor_its_licence(tmp_path, monkeypatch):
    spec = read_recipe("mnist-classic").data
    assert find_recipe_data(spec, tmp_path / "mnist")[1] == spec
    other = find_recipe_data(spec, tmp_path / "hands.zip")[1]
    assert (other.name, other.licence) == ("hands", "not stated")
    monkeypatch.setenv("EDGECNN_DATA", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    assert find_recipe_data(spec, None) == (tmp_path / "mnist", spec)


def test_an_official_validation_split_may_be_drawn_again_and_the_test_stays(photo_folder, said):
    images = sorted(photo_folder.rglob("*.jpg"))
    splits = ["test" if i % 5 == 0 else "validation" if i % 5 == 1 else "train" for i in range(len(images))]
    rows = [f"{p.relative_to(photo_folder)},{p.parent.name},{s}" for p, s in zip(images, splits, strict=True)]
    (photo_folder / "photos.csv").write_text("\n".join(["path,label,split", *rows]), "utf-8")
    source = open_source(photo_folder / "photos.csv")
    plain = load_data(source, read_recipe("scratch"), said.append)
    assert (len(plain.train), len(plain.validation), len(plain.test)) == (24, 8, 8)
    chosen = ["redraw_validation=true", "data.validation=0.125"]
    again = load_data(source, read_recipe("scratch", chosen), said.append)
    assert_splits_are_sound(again)
    assert (len(again.train), len(again.validation), len(again.test)) == (28, 4, 8)
    assert ids(again.test) == ids(plain.test)
    assert ids(plain.validation) & ids(again.train)


def grouped(photo_folder, split=lambda i: ""):
    rows = [
        f"{path.relative_to(photo_folder)},{path.parent.name},{split(i)},walk {i // 4}"
        for i, path in enumerate(sorted(photo_folder.rglob("*.jpg")))
    ]
    path = photo_folder / "photos.csv"
    path.write_text("\n".join(["path,label,split,group", *rows]), "utf-8")
    return open_source(path)


@pytest.mark.parametrize("seed", range(5))
def test_a_group_stays_in_one_split(photo_folder, said, seed):
    data = load_data(grouped(photo_folder), read_recipe("scratch", [f"seed={seed}"]), said.append)
    assert_splits_are_sound(data)
    parts = [{i.group for i in s.items} for s in (data.train, data.validation, data.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 10
    assert len(data.test) == 8


def test_official_splits_that_tear_a_group_apart_are_refused(photo_folder, said):
    source = grouped(photo_folder, lambda i: "test" if i % 5 == 0 else "train")
    with pytest.raises(DataError, match="is in the .* and the test split"):
        load_data(source, read_recipe("scratch"), said.append)
