"""An engine whose kernels are its own has to answer as LiteRT does."""

import json
import shutil

import numpy as np
import pytest

import edgecnn
from edgecnn.bundle import bundle
from edgecnn.bundle.input_spec import Given
from edgecnn.classify import agreement
from edgecnn.classify.agreement import require_agreement
from edgecnn.engine.litert import LitertEngine
from edgecnn.engine.table import ENGINES, EngineEntry
from edgecnn.errors import AnswerError, BundleError
from tests.models import open_size, shipped


class Drifting(LitertEngine):
    """LiteRT, whose int8 answers are `steps` away, and whose float answers `float_drift`."""

    name, steps, float_drift = "drifting", 0, 0.0
    opened = 0

    def __init__(self, model, spec, threads):
        type(self).opened += 1
        super().__init__(model, spec, threads)

    def read(self, place):
        output = super().read(place)
        if output.dtype == np.float32:
            return output + np.float32(self.float_drift)
        sign = np.where(np.arange(output.size).reshape(output.shape) % 2, 1, -1)
        return np.clip(output.astype(int) + self.steps * sign, -128, 127).astype(output.dtype)


@pytest.fixture(autouse=True)
def drifting(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(ENGINES, "drifting", EngineEntry(Drifting, compared=True))
    monkeypatch.setattr(Drifting, "opened", 0)
    return monkeypatch


def test_two_steps_are_kernels_that_round_differently(drifting):
    drifting.setattr(Drifting, "steps", 2)
    edgecnn.load("digits", engine="drifting").close()


@pytest.mark.parametrize("name", ["digits", "cifar10"])
def test_more_are_refused_by_name_with_the_figure(drifting, name):
    drifting.setattr(Drifting, "steps", 5)
    with pytest.raises(AnswerError, match=rf"drifting answers {name} int8 differently from litert: by 5\.0"):
        edgecnn.load(name, engine="drifting")


def test_float_answers_may_differ_by_a_thousandth(drifting):
    drifting.setattr(Drifting, "float_drift", 5e-4)
    edgecnn.load("digits", "float32", engine="drifting").close()
    drifting.setattr(Drifting, "float_drift", 2e-3)
    with pytest.raises(AnswerError, match="by up to 0.002, expected at most 0.001"):
        edgecnn.load("cifar10", "float32", engine="drifting")


def test_a_bundle_is_still_compared_with_where_the_bundle_was_published(tmp_path):
    shutil.copytree(bundle.find("digits"), tmp_path / "changed")
    path = tmp_path / "changed" / "bundle.json"
    manifest = json.loads(path.read_text())
    manifest["golden"]["outputs"]["int8"].reverse()
    edgecnn.load(tmp_path / "changed", engine="drifting", strict=True).close()
    path.write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="does not answer here as where it was published"):
        edgecnn.load(tmp_path / "changed", engine="drifting", strict=True)
    with edgecnn.load(tmp_path / "changed", engine="drifting") as classifier:
        [notice] = classifier.notices
    assert "does not answer here as where it was published" in notice
    assert "with litert " in notice


def test_each_input_size_is_compared(drifting, tmp_path):
    path, labels = tmp_path / "open.tflite", tmp_path / "labels.txt"
    labels.write_text("\n".join("abcdefghij"))
    path.write_bytes(open_size(shipped("cifar10", "float32")))

    def compare(size):
        require_agreement(bundle.open_model(path, None, Given(labels, (0.0, 1.0), size=size)), "drifting")

    compare((32, 32))
    drifting.setattr(Drifting, "float_drift", 1.0)
    compare((32, 32))
    with pytest.raises(AnswerError):
        compare((48, 40))


def test_no_number_is_a_difference(drifting):
    drifting.setattr(Drifting, "float_drift", float("nan"))
    with pytest.raises(AnswerError, match="by up to nan"):
        edgecnn.load("digits", "float32", engine="drifting")


def test_the_result_is_remembered_and_what_others_wrote_is_not_believed(drifting, tmp_path):
    model = bundle.open_model("digits")
    require_agreement(model, "drifting")
    assert Drifting.opened == 1
    drifting.setattr(Drifting, "steps", 9)
    require_agreement(model, "drifting")
    assert Drifting.opened == 1
    kept = tmp_path / "cache" / "edgecnn" / "agreement.json"
    [key] = json.loads(kept.read_text())
    kept.write_text(json.dumps({key: {"differs": 0}}))
    with pytest.raises(AnswerError, match=r"by 9\.0 int8 steps"):
        require_agreement(model, "drifting")
    with pytest.raises(AnswerError, match=r"by 9\.0 int8 steps"):
        require_agreement(model, "drifting")
    assert Drifting.opened == 2


def test_int8_is_compared_before_its_softmax():
    model = bundle.open_model("cifar10")
    before = agreement._before_squashing(model)
    assert "SOFTMAX" in model.file.operators
    assert "SOFTMAX" not in before.file.operators
    assert before.outputs[0].size == 10
    assert before.outputs[0].scale > model.outputs[0].scale
    floats = bundle.open_model("cifar10", "float32")
    assert agreement._before_squashing(floats) is floats


def test_engines_that_run_litert_are_not_compared(monkeypatch):
    monkeypatch.setattr(agreement, "require_agreement", None)
    edgecnn.load("digits").close()
    edgecnn.load("digits", engine="fake").close()
