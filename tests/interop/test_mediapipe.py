"""What `models export --io uint8` writes, in MediaPipe Tasks' ImageClassifier."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import edgecnn
from edgecnn.bundle.bundle import open_model
from edgecnn.exchange.exporting import to_integers

PYTHON = os.environ.get("EDGECNN_MEDIAPIPE", "")
pytestmark = pytest.mark.skipif(not PYTHON, reason="needs MediaPipe, 540 MB: make test-interop")
SCRIPT = Path(__file__).parent / "mediapipe_classify.py"


@pytest.mark.parametrize("name", ["cifar10", "waste"])
def test_the_same_labels_and_the_same_scores(name, tmp_path):
    """At the model's own size: elsewhere each resizes in its own way."""
    model = open_model(name)
    (tmp_path / "model.tflite").write_bytes(to_integers(model, "uint8"))
    rng = np.random.default_rng(11)
    coarse = rng.integers(0, 256, (40, 8, 8, 3), np.uint8)
    repeat = (model.input.height // 8, model.input.width // 8)
    images = coarse.repeat(repeat[0], axis=1).repeat(repeat[1], axis=2)
    np.save(tmp_path / "images.npy", images)
    command = [PYTHON, SCRIPT, tmp_path / "model.tflite", tmp_path / "images.npy"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(answers) == len(images)
    best = set()
    with edgecnn.load(tmp_path / "model.tflite") as classifier:
        for image, answer in zip(images, answers, strict=True):
            ours = classifier.classify(image[..., ::-1].copy())
            theirs = dict(answer)
            assert set(theirs) == set(model.labels)
            assert all(abs(theirs[p.label] - p.score) < 1e-6 for p in ours)
            assert theirs[ours[0].label] == max(theirs.values())
            best.add(ours[0].label)
    assert len(best) > 1, "the images differ"
