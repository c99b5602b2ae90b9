"""Models that may find several classes in an image: independent scores, one threshold for each class."""

import json

import cv2
import numpy as np
import pytest

import edgecnn
from edgecnn.bundle.input_spec import Given
from edgecnn.classify.smooth import BAND
from edgecnn.classify.smooth_labels import LabelsSmoother
from edgecnn.classify.verdict import Verdict
from edgecnn.errors import BundleError
from edgecnn.exchange.importing import import_model
from edgecnn.frame import Frame
from tests.models import shipped, sigmoid

RNG = np.random.default_rng(2)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "many.tflite"
    path.write_bytes(sigmoid(shipped("digits", "float32"), 10))
    (tmp_path / "labels.txt").write_text("\n".join("abcdefghij"))
    return path


@pytest.fixture
def image(tmp_path):
    """An image of which the model finds some classes and not others."""
    pixels = RNG.integers(0, 256, (60, 60), np.uint8)
    file = tmp_path / "image.png"
    cv2.imwrite(str(file), pixels)
    return file


def frame(pixels):
    return Frame(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), 0, 0, "x")


def test_every_class_that_reaches_its_threshold_is_found(path, image):
    pixels = cv2.imread(str(image), cv2.IMREAD_GRAYSCALE)
    with edgecnn.load(path, value_range=(0.0, 1.0)) as model:
        scores = model.probabilities(pixels)
        middle = float(np.sort(scores)[-3])
    with edgecnn.load(path, value_range=(0.0, 1.0), threshold=middle) as model:
        result = model.classify_frame(frame(pixels), top=1)
        expected = [model.labels[k] for k in (-scores).argsort(kind="stable")[:3]]
        assert list(result.found) == expected, "also beyond the best one that is shown"
        assert result.label == ", ".join(expected)
        assert result.unknown is False
        assert result.as_dict()["labels"] == expected
        assert model.knows(model.classify(pixels))
    with edgecnn.load(path, value_range=(0.0, 1.0), threshold=1.0) as model:
        result = model.classify_frame(frame(pixels))
        assert (result.found, result.unknown, result.label) == ((), True, "unknown")
        assert not model.knows(model.classify(pixels))


def test_a_bundle_has_thresholds_of_its_own(path, image, tmp_path, monkeypatch):
    monkeypatch.setenv("EDGECNN_MODELS", str(tmp_path / "models"))
    bundle = import_model(path, "mine", Given(value_range=(0.0, 1.0), labels=tmp_path / "labels.txt"))
    assert bundle.scores == "multi-label"
    with edgecnn.load("mine") as model:
        assert model.notices == (), "the bundle says it"
        assert model.thresholds == (0.5,) * 10
    manifest = json.loads((bundle.folder / "bundle.json").read_text())
    manifest["thresholds"] = [0.0, *[1.0] * 9]
    (bundle.folder / "bundle.json").write_text(json.dumps(manifest))
    with edgecnn.load("mine") as model:
        assert model.classify_frame(frame(cv2.imread(str(image), 0))).found == ("a",)
    manifest["thresholds"] = [2.0] * 10
    (bundle.folder / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="thresholds"):
        edgecnn.load("mine")


def test_the_command_names_all_that_were_found(run_cli, path, image):
    found = json.loads(run_cli("classify", image, "--model", path, "--range", "0..1", "--json").out)
    threshold = sorted(p["score"] for p in found["predictions"])[-2] - 1e-4
    ran = run_cli("classify", image, "--model", path, "--range", "0..1", "--threshold", threshold)
    names = [p["label"] for p in found["predictions"]][:2]
    assert ran.out.split("  ")[1] == ", ".join(names)
    assert "each class on its own" in ran.err
    assert (
        run_cli("classify", image, "--model", path, "--range", "0..1", "--threshold", 1).out.split("  ")[1]
        == "unknown"
    )


def test_evaluate_counts_the_best_one(run_cli, path, tmp_path):
    for label in "ab":
        (tmp_path / "data" / label).mkdir(parents=True)
        for n in range(2):
            cv2.imwrite(str(tmp_path / "data" / label / f"{n}.png"), RNG.integers(0, 256, (40, 40), np.uint8))
    ran = run_cli("evaluate", path, "--data", tmp_path / "data", "--range", "0..1")
    assert ran.code == 0, ran.err
    assert "multi-label: an image counts as right where its class has the highest score" in ran.err


def test_live_runs_with_steady_labels(run_cli, path, tmp_path):
    lines = tmp_path / "out.jsonl"
    options = ["--range", "0..1", "--smooth", "0.4", "--threshold", "0.01", "--jsonl", lines]
    ran = run_cli("live", "--model", path, "--source", "synthetic", "--frames", 5, "--show", "none", *options)
    assert ran.code == 0, ran.err
    last = json.loads(lines.read_text().splitlines()[-1])
    assert last["labels"]
    assert last["steady"]["labels"]
    assert last["steady"]["label"] == ", ".join(last["steady"]["labels"])


class TestLabelsSmoother:
    def test_labels_come_and_go_one_by_one(self):
        smoother = LabelsSmoother(("a", "b"), Verdict(thresholds=(0.5, 0.8)), smooth=0.0, hold=2)
        assert smoother(np.array([0.9, 0.7])).found == ("a",)
        assert smoother(np.array([0.9, 0.9])).found == ("a",)
        both = smoother(np.array([0.9, 0.95]))
        assert both.found == ("b", "a"), "by their averages"
        assert both.answer == "b, a"
        smoother(np.array([0.1, 0.9]))
        assert smoother(np.array([0.1, 0.9])).found == ("b",)
        smoother(np.array([0.1, 0.1]))
        assert smoother(np.array([0.1, 0.1])).answer is None

    def test_what_lies_on_the_border_does_not_flicker(self):
        smoother = LabelsSmoother(("a",), Verdict(thresholds=(0.5,)), smooth=0.0, hold=1)
        assert smoother(np.array([0.5])).found == ("a",)
        assert smoother(np.array([0.5 - BAND])).found == ("a",)
        assert smoother(np.array([0.5 - 2 * BAND])).found == ()
        assert smoother(np.array([0.5 - BAND])).found == ()

    def test_scores_are_averaged_and_a_gap_resets_them(self):
        smoother = LabelsSmoother(("a", "b"), Verdict(thresholds=(0.5, 0.5)), smooth=0.5, hold=1)
        smoother(np.array([1.0, 0.0]), captured_ns=0)
        steady = smoother(np.array([0.0, 0.0]), top=1, captured_ns=10**8)
        assert steady.predictions[0].score == pytest.approx(0.5)
        assert len(steady.predictions) == 1
        assert steady.found == ("a",)
        assert smoother(np.array([0.0, 1.0]), captured_ns=10**10).found == ("b",)
