"""The figures of the shipped models, measured again: needs MNIST beside the checkout."""

import numpy as np
import pytest

import edgecnn
from edgecnn import bundle
from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.dataset import open_source


@pytest.fixture(scope="module")
def mnist():
    from tests.conftest import SHARED

    if not (SHARED / "data" / "mnist").is_dir():
        pytest.skip("needs ../shared/data/mnist, which is not beside this checkout")
    source = open_source(SHARED / "data" / "mnist")
    items = [i for i in source.items if i.split == "test"]
    assert len(items) == 10_000
    return [(source.read(i), i.label) for i in items]


def top1(name: str, variant: str, pictures) -> float:
    with edgecnn.load(name, variant) as classifier:
        return float(np.mean([classifier.classify(p, 1)[0].index == label for p, label in pictures]))


@pytest.mark.parametrize("name", ["digits", "mnist-classic"])
def test_int8_reaches_its_figure_and_stays_by_its_float_twin(mnist, name):
    int8, float32 = (top1(name, variant, mnist) for variant in ("int8", "float32"))
    recorded = bundle.read_bundle(bundle.find(name)).variants
    assert int8 == pytest.approx(recorded["int8"].accuracy, abs=0.0005)
    assert float32 == pytest.approx(recorded["float32"].accuracy, abs=0.0005)
    assert int8 >= 0.99
    assert abs(float32 - int8) <= 0.001


@pytest.mark.parametrize(("hold", "count"), [(1, 300), (30, 1000)])
def test_digits_holds_in_front_of_the_synthetic_camera(hold, count):
    with (
        edgecnn.load("digits") as classifier,
        SyntheticCamera(f"synthetic:seed=4711,fps=0,hold={hold}") as camera,
    ):
        frames = (camera.draw(i) for i in range(count))
        right = sum(classifier.classify(f, 1)[0].label == truth for f, truth in frames)
    assert right >= 0.97 * count
