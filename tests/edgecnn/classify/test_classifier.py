import subprocess
import sys
import zipfile

import cv2
import numpy as np
import pytest

import edgecnn
from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.errors import EngineError, ImageError
from edgecnn.image.file import decode_image, read_image
from tests.conftest import draw_seven


@pytest.mark.parametrize("variant", ["int8", "float32"])
def test_the_shipped_model_reads_a_seven_in_every_kind_of_array(variant):
    seven = draw_seven()
    grey = cv2.cvtColor(seven, cv2.COLOR_BGR2GRAY)
    with edgecnn.load("digits", variant) as classifier:
        for image in (seven, grey, grey[..., None], cv2.cvtColor(seven, cv2.COLOR_BGR2BGRA)):
            predictions = classifier.classify(image)
            assert predictions[0].label == "7"
            assert predictions[0].index == 7
            assert len(predictions) == 10
            assert [p.score for p in predictions] == sorted((p.score for p in predictions), reverse=True)


def test_scores_are_the_models_own_where_there_is_no_temperature(digits_file):
    with edgecnn.load("digits", "float32") as classifier:
        assert sum(p.score for p in classifier.classify(draw_seven())) == pytest.approx(1, abs=1e-5)
    with edgecnn.load(digits_file) as classifier:
        steps = [p.score * 256 for p in classifier.classify(draw_seven())]
        assert steps == [round(s) for s in steps], "multiples of 1/256, not renormalized"


def test_timings_cover_every_stage():
    with edgecnn.load("digits", engine="fake:delay_ms=4") as classifier:
        predictions, timings = classifier.classify_timed(draw_seven(), 2)
    assert len(predictions) == 2
    assert timings.inference_ms >= 4
    assert timings.total_ms == pytest.approx(timings.preprocess_ms + timings.inference_ms + timings.decode_ms)


def test_it_closes_twice_and_refuses_what_is_no_image():
    classifier = edgecnn.load("digits")
    with pytest.raises(ImageError):
        classifier.classify(np.zeros((5, 5, 3), np.float32))
    with pytest.raises(ImageError, match="did cv2.imread find its file"):
        classifier.classify(cv2.imread("nowhere.png"))
    classifier.close()
    classifier.close()
    with pytest.raises(EngineError, match="closed"):
        classifier.classify(draw_seven())


@pytest.mark.slow
def test_the_shipped_default_holds_in_front_of_the_synthetic_camera():
    with edgecnn.load() as classifier, SyntheticCamera("synthetic:seed=77,fps=0,hold=1") as camera:
        frames = [camera.draw(i) for i in range(200)]
        right = sum(classifier.classify(f, 1)[0].label == truth for f, truth in frames)
    assert right >= 0.97 * len(frames)


def test_corals_mobilenet_knows_its_own_samples(shared):
    coral = shared / "models" / "coral"
    expected = {"cat.bmp": "Egyptian cat", "parrot.jpg": "macaw", "bird.bmp": "chickadee"}
    for file in ("mobilenet_v2_1.0_224_quant.tflite", "tf2_mobilenet_v2_1.0_224_ptq.tflite"):
        with edgecnn.load(coral / file, labels=coral / "imagenet_labels.txt") as classifier:
            assert {p: classifier.classify(read_image(coral / p), 1)[0].label for p in expected} == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "value_range", "published"),
    [("pretrainedResnet_quant", None, 0.8697), ("pretrainedResnet", (0.0, 255.0), 0.8719)],
)
def test_mlperf_tinys_resnet_reaches_its_published_accuracy(shared, tmp_path, file, value_range, published):
    labels = tmp_path / "labels.txt"
    labels.write_text("airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n")
    path = shared / "models" / "mlperf_tiny" / f"{file}.tflite"
    right = seen = 0
    with (
        zipfile.ZipFile(shared / "data" / "cifar10.zip") as archive,
        edgecnn.load(path, labels=labels, value_range=value_range) as classifier,
    ):
        for name in archive.namelist():
            if name.startswith("test/") and name.endswith(".webp"):
                best = classifier.classify(decode_image(archive.read(name), name), 1)[0].label
                right += best == name.split("/")[1]
                seen += 1
    assert seen == 10_000
    assert abs(right / seen - published) <= 0.0005


@pytest.mark.parametrize("name", ["digits", "cifar10", "waste"])
def test_nothing_grows_and_no_image_is_allocated_from_frame_to_label(name):
    """In the steady state Python's own objects come and go, whatever the size of images and tensors."""
    # In a process of its own: pytest's has threads of other tests, which allocate as well.
    run = subprocess.run([sys.executable, "-c", ALLOCATED, name], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    peak, grown = map(int, run.stdout.split())
    assert peak < 2_500
    assert grown < 500


# Prints the most bytes that forty frames took at a time, and those that they left.
ALLOCATED = """
import sys, tracemalloc
import numpy as np
import edgecnn

frames = [np.random.default_rng(k).integers(0, 256, (480, 640, 3), np.uint8) for k in range(2)]
with edgecnn.load(sys.argv[1]) as classifier:
    for frame in frames * 3:
        classifier.classify_timed(frame, 1)
    tracemalloc.start()
    classifier.classify_timed(frames[0], 1)
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    for frame in frames * 20:
        classifier.classify_timed(frame, 1)
    after, peak = tracemalloc.get_traced_memory()
print(peak - before, after - before)
"""
