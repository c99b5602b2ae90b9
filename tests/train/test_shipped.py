"""The figures of the shipped models, measured again: needs the data sets beside the checkout."""

import numpy as np
import pytest

import edgecnn
from edgecnn import bundle
from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.dataset import open_source
from edgecnn_train.data import load_data
from edgecnn_train.recipe_file import read_recipe
from tests.conftest import SHARED

# Points of float32's top-1 that int8 may lose.
DROP = 0.5
BUNDLES = [b.name for b in bundle.list_bundles()]
# Bytes of the int8 file and multiplications that each may have at most.
BUDGETS = {
    "cifar10": (98_496, 12_510_000),  # MLPerf Tiny's reference
    "mnist": (100 * 1024, 10_000_000),
    "signs": (150 * 1024, 30_000_000),
}


@pytest.fixture(scope="module")
def test_pictures():
    """Return what reads a bundle's test split: the official one, or the one that its seed draws."""
    kept = {}

    def read(recipe):
        name = recipe["data"]["name"]
        if name not in kept:
            if not (SHARED / "data").is_dir():
                pytest.skip("needs ../shared/data, which is not beside this checkout")
            path = next(p for p in (SHARED / "data").glob(f"{name}*") if p.stem == name)
            source = open_source(path)
            items = [i for i in source.items if i.split == "test"]
            if not items:
                seed = f"seed={recipe['train']['seed']}"
                items = load_data(source, read_recipe(recipe["name"], [seed]), print).test.items
            kept[name] = [(source.read(i), i.label) for i in items]
        return kept[name]

    return read


def top1(name: str, variant: str, pictures) -> float:
    with edgecnn.load(name, variant) as classifier:
        return float(np.mean([classifier.classify(p, 1)[0].index == label for p, label in pictures]))


@pytest.mark.parametrize("name", BUNDLES)
def test_int8_reaches_its_figure_and_stays_by_its_float_twin(test_pictures, name):
    shipped = bundle.read_bundle(bundle.find(name))
    pictures = test_pictures(shipped.manifest["recipe"])
    assert len(pictures) == shipped.manifest["training"]["pictures"]["test"]
    int8, float32 = (top1(name, variant, pictures) for variant in ("int8", "float32"))
    assert int8 == pytest.approx(shipped.variants["int8"].accuracy, abs=0.0005)
    assert float32 == pytest.approx(shipped.variants["float32"].accuracy, abs=0.0005)
    assert abs(float32 - int8) <= DROP / 100


@pytest.mark.parametrize("name", BUDGETS)
def test_a_model_keeps_to_its_budget(name):
    int8 = bundle.read_bundle(bundle.find(name)).variants["int8"]
    most_bytes, most_macs = BUDGETS[name]
    assert int8.bytes <= most_bytes
    assert int8.macs <= most_macs


@pytest.mark.parametrize(("hold", "count"), [(1, 300), (30, 1000)])
def test_digits_holds_in_front_of_the_synthetic_camera(hold, count):
    with (
        edgecnn.load("digits") as classifier,
        SyntheticCamera(f"synthetic:seed=4711,fps=0,hold={hold}") as camera,
    ):
        frames = (camera.draw(i) for i in range(count))
        right = sum(classifier.classify(f, 1)[0].label == truth for f, truth in frames)
    assert right >= 0.97 * count
