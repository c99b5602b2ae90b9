"""The results of the shipped models, measured again: needs the datasets next to the checkout."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

import edgecnn
from edgecnn.bundle import bundle
from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.dataset import find_data, open_source
from edgecnn_train.data import load_data
from edgecnn_train.recipe_file import read_recipe
from tests.conftest import SHARED


@dataclass(frozen=True)
class Promise:
    """Test images, int8's least top-1 and farthest distance from float's (0 to 1), the int8 file's cost."""

    images: int
    least: float
    drop: float
    most_bytes: int
    most_macs: int


PROMISES = {
    "cifar10": Promise(10_000, 0.895, 0.005, 98_496, 12_510_000),  # MLPerf Tiny's bytes and work
    "digits": Promise(10_000, 0.99, 0.001, 150 * 1024, 2_528_000),
    "fashion": Promise(10_000, 0.944, 0.005, 100 * 1024, 13_000_000),
    "mnist": Promise(10_000, 0.996, 0.005, 100 * 1024, 10_000_000),
    "mnist-classic": Promise(10_000, 0.99, 0.001, 150 * 1024, 2_528_000),
    "signs": Promise(412, 0.993, 0.005, 150 * 1024, 30_000_000),
    "waste": Promise(431, 0.90, 0.005, 300 * 1024, 50_000_000),
}


@pytest.fixture(scope="module")
def test_images():
    """Return what reads a recipe's test split: the official one, or the one that its seed draws."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs ../shared/data, which is not next to this checkout")

    @cache
    def read(name, seed):
        recipe = read_recipe(name, [f"seed={seed}"])
        source = open_source(find_data(recipe.data.name, None))
        official = [i for i in source.items if i.split == "test"]
        items = official or load_data(source, recipe, print).test.items
        return [(source.read(i), i.label) for i in items]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_DATA", str(SHARED / "data"))
        yield read


def top1(name: str, variant: str, images) -> float:
    with edgecnn.load(name, variant) as classifier:
        return float(np.mean([classifier.classify(p, 1)[0].index == label for p, label in images]))


def test_every_shipped_model_promises_something():
    assert list(PROMISES) == [b.name for b in bundle.list_bundles()]


@pytest.mark.slow
@pytest.mark.parametrize("name", PROMISES)
def test_int8_reaches_its_figure_and_stays_by_its_float_twin(test_images, name):
    shipped, promise = bundle.read_bundle(bundle.find(name)), PROMISES[name]
    document = shipped.manifest.document
    images = test_images(document["recipe"]["name"], document["training"]["seed"])
    assert len(images) == document["training"]["pictures"]["test"] == promise.images
    int8, float32 = (top1(name, variant, images) for variant in ("int8", "float32"))
    assert int8 == pytest.approx(shipped.variants["int8"].accuracy, abs=0.0005)
    assert float32 == pytest.approx(shipped.variants["float32"].accuracy, abs=0.0005)
    assert int8 >= promise.least
    assert abs(float32 - int8) <= promise.drop


@pytest.mark.parametrize("name", PROMISES)
def test_a_model_keeps_to_its_budget(name):
    int8 = bundle.read_bundle(bundle.find(name)).variants["int8"]
    assert int8.bytes <= PROMISES[name].most_bytes
    assert int8.macs <= PROMISES[name].most_macs


@pytest.mark.slow
def test_digits_holds_in_front_of_the_synthetic_camera():
    """Digits that move; tests/edgecnn/classify/test_classifier.py has one frame of each of many."""
    with (
        edgecnn.load("digits") as classifier,
        SyntheticCamera("synthetic:seed=4711,fps=0,hold=30") as camera,
    ):
        frames = [camera.draw(i) for i in range(600)]
        right = sum(classifier.classify(f, 1)[0].label == truth for f, truth in frames)
    assert right >= 0.97 * len(frames)
