"""Images without any class of the model, and the class made of them."""

import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest

import edgecnn
from edgecnn.dataset import open_source
from edgecnn.errors import DataError
from edgecnn.image.preprocess import Preprocessor
from edgecnn_train.background import background_of, generated_count
from edgecnn_train.data import input_tensor, load_data
from edgecnn_train.generated import KINDS, generate
from edgecnn_train.negatives import COUNT, load_negatives
from edgecnn_train.pipeline import train
from edgecnn_train.recipe_file import read_recipe


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 48, 3), (8, 8, 3)])
def test_every_kind_is_made_in_every_size_and_by_its_seed(shape):
    parents = np.random.default_rng(0).integers(0, 256, (5, *shape), np.uint8)
    made, again, other = (generate(4 * len(KINDS), parents, np.random.default_rng(s)) for s in (1, 1, 2))
    assert made.shape == (4 * len(KINDS), *shape)
    assert made.dtype == np.uint8
    assert np.array_equal(made, again)
    assert not np.array_equal(made, other)
    assert len({image.tobytes() for image in made}) == len(made)
    assert not {p.tobytes() for p in made} & {p.tobytes() for p in parents}


def test_shuffled_images_have_their_parents_pixels_in_other_places():
    parent = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    place = list(KINDS).index("training images with their blocks shuffled")
    made = generate(place + 1, parent[None], np.random.default_rng(0))[place]
    assert np.array_equal(np.sort(made.reshape(-1, 3), axis=0), np.sort(parent.reshape(-1, 3), axis=0))


@pytest.fixture
def photos(photo_folder, said):
    recipe = read_recipe("scratch")
    return load_data(open_source(photo_folder), recipe, said.append), recipe


def asking(recipe, **unknown):
    return replace(recipe, unknown=replace(recipe.unknown, **unknown))


def test_generated_negatives_choose_and_measure_apart(photos):
    negatives = load_negatives(*photos)
    assert negatives.choosing.shape == negatives.measuring.shape == (COUNT, *photos[0].train.images.shape[1:])
    shared = {p.tobytes() for p in negatives.choosing} & {p.tobytes() for p in negatives.measuring}
    assert len(shared) <= 0.01 * COUNT, "patches of 28 small images may meet by chance"
    assert negatives.what.startswith("generated: plain, gradients, noise")


def test_negatives_come_from_a_folder_of_images(photos, tmp_path):
    data, recipe = photos
    folder = tmp_path / "others"
    (folder / "deep").mkdir(parents=True)
    for i in range(45):
        cv2.imwrite(str(folder / ("deep" if i % 2 else "") / f"{i}.png"), np.full((9, 9, 3), i, np.uint8))
    (folder / "broken.png").write_bytes(b"not an image")
    negatives = load_negatives(data, asking(recipe, negatives=str(folder)))
    both = np.concatenate([negatives.choosing, negatives.measuring])
    assert sorted(both.mean(axis=(1, 2, 3)).tolist()) == list(range(45))
    assert negatives.what == "45 images from others"
    shutil.rmtree(folder / "deep")
    with pytest.raises(DataError, match="others has 23 readable images, expected at least 40"):
        load_negatives(data, asking(recipe, negatives=str(folder)))


def test_negatives_come_from_a_dataset_by_its_name(photos, idx_folder, monkeypatch):
    data, recipe = photos
    monkeypatch.setenv("EDGECNN_DATA", str(idx_folder.parent))
    negatives = load_negatives(data, asking(recipe, negatives="mnist"))
    assert len(negatives.choosing) == len(negatives.measuring) == 100, "its test split"
    with pytest.raises(DataError, match="unknown.negatives is 'nowhere', which is neither a folder"):
        load_negatives(data, asking(recipe, negatives="nowhere"))


def test_a_folder_without_images_is_named(photos, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="unknown.negatives: .* has no images"):
        load_negatives(photos[0], asking(photos[1], negatives=str(tmp_path / "empty")))


def test_a_background_class_is_in_every_split_and_can_be_read_again(photo_folder, said):
    recipe = asking(read_recipe("scratch"), background_class=True)
    data = load_data(open_source(photo_folder), recipe, said.append)
    assert data.labels == ("pears", "äpfel", "background")
    assert background_of(recipe, data.labels) == 2
    view = Preprocessor(data.input, input_tensor(data.input))
    seen = set()
    for split in (data.train, data.validation, data.test):
        assert set(split.labels.tolist()) == {0, 1, 2}
        assert generated_count(split, 2) == np.sum(split.labels == 2) >= len(KINDS)
        assert len(split.images) == len(split.labels) == len(split.items)
        for image, item, label in zip(split.images, split.items, split.labels, strict=True):
            assert item.label == label
            assert np.array_equal(view.pixels(data.source.read(item)), image), item.id
            seen.add(item.id)
    assert len(seen) == sum(map(len, (data.train, data.validation, data.test)))
    assert {i.label for i in data.calibration.items} == {0, 1, 2}
    without = load_data(open_source(photo_folder), read_recipe("scratch"), said.append)
    real = [i for i in data.test.items if i.label != 2]
    assert [i.id for i in real] == [i.id for i in without.test.items], "the splits stay as they were"


def test_a_folder_of_that_name_is_the_background_class(photo_folder, said):
    (photo_folder / "pears").rename(photo_folder / "Unknown")
    recipe = asking(read_recipe("scratch"), background_class=True)
    data = load_data(open_source(photo_folder), recipe, said.append)
    assert data.labels == ("Unknown", "äpfel")
    assert background_of(recipe, data.labels) == 0
    assert background_of(read_recipe("scratch"), data.labels) is None, "unless it is not asked for"
    assert not any(generated_count(s, 0) for s in (data.train, data.validation, data.test))


def test_a_class_that_is_called_generated_was_not_made(photo_folder, said):
    (photo_folder / "pears").rename(photo_folder / "generated")
    data = load_data(open_source(photo_folder), read_recipe("scratch"), said.append)
    assert generated_count(data.test, None) == 0


@pytest.mark.slow
def test_a_background_class_is_trained_and_answered_with_unknown(idx_folder, tmp_path, said):
    recipe = read_recipe(
        "mnist-classic", ["train.epochs=3", "calibration=50", "background_class=true", "data.validation=0.1"]
    )
    made = train(recipe, open_source(idx_folder), tmp_path / "tiny", said.append, show="none")
    assert made.labels[-1] == "background"
    unknown = made.manifest.document["confidence"]["unknown"]
    assert unknown["background"] == "background"
    assert unknown["generated_test_pictures"] == 20
    assert {c.background for c in made.confidence.values()} == {10}
    card = (made.folder / "CARD.md").read_text("utf-8")
    assert "or where the best class is `background`" in card
    assert "20 of the test images, and as large a share of the other splits, are background" in card
    parents = np.zeros((1, 28, 28, 1), np.uint8)
    nothing = generate(100, parents, np.random.default_rng(9))
    with edgecnn.load(made.folder) as classifier:
        assert np.mean([classifier.knows(classifier.classify(p)) for p in nothing]) <= 0.1
        assert any(classifier.classify(p, 1)[0].label == "background" for p in nothing)
