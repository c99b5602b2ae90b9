"""What `models export` writes for other programs, in MediaPipe Tasks' ImageClassifier.

At the model's own size, since elsewhere each program resizes in its own way.
"""

import json
import os
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

import edgecnn
from edgecnn.bundle.bundle import open_model
from edgecnn.tflite.file import read_tflite
from tests.trunks import photo, write_classes

PYTHON = os.environ.get("EDGECNN_MEDIAPIPE", "")
pytestmark = pytest.mark.skipif(not PYTHON, reason="needs MediaPipe, 540 MB: make test-interop")
SCRIPT = Path(__file__).parent / "mediapipe_classify.py"
COUNT = 40


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A bundle learned from eight photos of each class, with the trunk that `learn` takes by default."""
    folder = tmp_path_factory.mktemp("learned")
    write_classes(folder / "photos", dict.fromkeys(("red", "yellow", "green"), 8))
    return edgecnn.learn(folder / "photos", folder / "model").bundle.folder


@pytest.mark.parametrize("name", ["cifar10", "waste"])
def test_the_same_labels_and_the_same_scores(name, run_cli, tmp_path):
    model = open_model(name)
    rng = np.random.default_rng(11)
    coarse = rng.integers(0, 256, (COUNT, 8, 8, 3), np.uint8)
    repeat = (model.input.height // 8, model.input.width // 8)
    images = coarse.repeat(repeat[0], axis=1).repeat(repeat[1], axis=2)
    path = tmp_path / "model.tflite"
    assert run_cli("models", "export", name, "--io", "uint8", "--out", path).code == 0
    require_same_answers(path, name, "int8", images)


@pytest.mark.parametrize(("variant", "io"), [("int8", "uint8"), ("float32", "same")])
def test_a_learned_model_gives_its_scores_alone(learned, variant, io, run_cli, tmp_path):
    model = open_model(learned, variant)
    assert [tensor.name for tensor in model.file.outputs] == ["probabilities", "nearness"]
    rng = np.random.default_rng(1)
    size = (model.input.width, model.input.height)
    images = np.stack([cv2.resize(photo(k % 5, rng), size)[..., ::-1] for k in range(COUNT)])
    path = tmp_path / "model.tflite"
    ran = run_cli("models", "export", learned, "--variant", variant, "--io", io, "--out", path)
    assert ran.code == 0, ran.err
    assert "not its nearness" in ran.err
    assert len(read_tflite(path.read_bytes(), "exported").outputs) == 1
    require_same_answers(path, learned, variant, images)


def require_same_answers(path, bundle, variant, images):
    """Assert that MediaPipe answers by a file as edgecnn does by the bundle that the file was exported from.

    MediaPipe's scores are the model's own: edgecnn alone knows the temperature, which keeps the order.
    """
    answers = in_mediapipe(path, images)
    best = set()
    with edgecnn.load(bundle, variant) as classifier, edgecnn.load(path) as exported:
        for image, answer in zip(images, answers, strict=True):
            pixels = image[..., ::-1].copy()
            own = dict(zip(classifier.labels, classifier.probabilities(pixels).tolist(), strict=True))
            assert answer == pytest.approx(own, abs=1e-6)
            ours = classifier.classify(pixels)
            assert list(ours) == exported.classify(pixels)
            assert answer[ours[0].label] == max(answer.values())
            best.add(ours[0].label)
    assert len(best) > 1, "the images differ"


def in_mediapipe(path, images):
    """Return the score of each label, for each of the RGB images."""
    file = path.with_name("images.npy")
    np.save(file, images)
    ran = subprocess.run(
        [PYTHON, SCRIPT, path, file], capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return [dict(json.loads(line)) for line in ran.stdout.splitlines()]
