"""What `inspect` says is what `classify` does: its JSON is followed by hand, and gives the same scores."""

import json
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import edgecnn
from edgecnn.bundle.bundle import list_bundles, read_bundle
from edgecnn.bundle.input_spec import Given
from edgecnn.classify.classifier import Classifier
from edgecnn.exchange.importing import import_model
from edgecnn.exchange.inspection import inspect_bundle, inspect_model
from tests.models import (
    AFTER_SOFTMAX,
    channels_first,
    float_edges,
    followed,
    raw_pixels,
    reshaped,
    shipped,
    sigmoid,
    without_softmax,
)

BUNDLES = [(b.name, v) for b in list_bundles() for v in b.portable]
TEN = [f"c{n}" for n in range(10)]


def images(said):
    """Images that are of the model's size already, so that no way of shrinking counts."""
    shape = (said["pictures"]["height"], said["pictures"]["width"], 3)
    return np.random.default_rng(6).integers(0, 256, (4, *shape), np.uint8)


def by_hand(data, said, image):
    """Prepare an image, run the file and read its output, by what `inspect --json` says alone."""
    way = said["pictures"]
    pixels = image[..., ::-1] if way["color"] == "rgb" else image
    if way["color"] == "gray":
        import cv2

        pixels = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., np.newaxis]
    low, high = np.array(way["channel_ranges"] or [way["value_range"]], np.float64).T
    real = low + pixels.astype(np.float64) * ((high - low) / 255)
    if way["layout"] == "nchw":
        real = real.transpose(2, 0, 1)
    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    entry, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    tensor = said["inputs"][0]
    if tensor["dtype"] == "float32":
        values = real.astype(np.float32)
    else:
        steps = np.floor(real / (tensor["scale"] or 1) + 0.5001) + (tensor["zero_point"] or 0)
        limits = np.iinfo(tensor["dtype"])
        values = np.clip(steps, limits.min, limits.max).astype(tensor["dtype"])
    interpreter.set_tensor(entry["index"], values.reshape(entry["shape"]))
    interpreter.invoke()
    raw = interpreter.get_tensor(out["index"]).reshape(-1).astype(np.float64)
    scored = said["outputs"][0]
    if scored["dtype"] != "float32":
        raw = (raw - scored["zero_point"]) * scored["scale"]
    logits = said["scores"]["scores"] == "logits"
    if raw.size == 1:
        raw = np.array([0.0, raw[0]]) if logits else np.array([1 - raw[0], raw[0]])
    powers = np.exp(raw - raw.max())
    return powers / powers.sum() if logits else raw


def check(classifier: Classifier, said, data):
    said = json.loads(json.dumps(said))
    assert said["missing"] == []
    assert said["labels"] == list(classifier.labels)
    assert said["scores"]["scores"] == classifier.model.scores
    spec = classifier.model.input
    for name in ("width", "height", "color", "fit", "resize", "layout"):
        assert said["pictures"][name] == getattr(spec, name), name
    for image in images(said):
        assert np.allclose(classifier.probabilities(image), by_hand(data, said, image), atol=2e-6)


@pytest.mark.parametrize(("name", "variant"), BUNDLES)
def test_of_every_shipped_bundle(name, variant):
    bundle = next(b for b in list_bundles() if b.name == name)
    with edgecnn.load(name, variant) as classifier:
        check(classifier, inspect_bundle(bundle, variant).as_dict(), bundle.read(variant))


@pytest.mark.parametrize(("name", "variant"), BUNDLES)
def test_of_a_bare_copy_and_an_import_of_each(name, variant, tmp_path, monkeypatch):
    monkeypatch.setenv("EDGECNN_MODELS", str(tmp_path / "models"))
    path = tmp_path / "copy.tflite"
    path.write_bytes(shipped(name, variant))
    data = path.read_bytes()
    with edgecnn.load(path) as classifier:
        check(classifier, inspect_model(data, str(path), folder=tmp_path).as_dict(), data)
    bundle = import_model(path, "mine", Given())
    with edgecnn.load("mine") as classifier:
        check(classifier, inspect_bundle(bundle, bundle.default_variant()).as_dict(), data)


MADE = {
    "channels first": (channels_first, "cifar10", "float32"),
    "logits": (without_softmax, "digits", "int8"),
    "one sigmoid": (lambda d: sigmoid(d, 1), "digits", "float32"),
    "sigmoids": (lambda d: sigmoid(d, 10), "digits", "int8"),
    "flat": (lambda d: reshaped(d, [1, 784]), "digits", "int8"),
    "no channels": (lambda d: reshaped(d, [1, 28, 28]), "digits", "float32"),
    "raw": (raw_pixels, "digits", "float32"),
    "float edges": (float_edges, "cifar10", "int8"),
    "stepwise": (lambda d: followed(d, AFTER_SOFTMAX["stepwise"]), "digits", "float32"),
    "ensemble": (lambda d: followed(d, AFTER_SOFTMAX["ensemble"]), "digits", "float32"),
}


@pytest.mark.parametrize(("make", "name", "variant"), MADE.values(), ids=MADE)
def test_of_third_party_models_and_their_imports(make, name, variant, tmp_path, monkeypatch):
    monkeypatch.setenv("EDGECNN_MODELS", str(tmp_path / "models"))
    path, labels = tmp_path / "m.tflite", tmp_path / "labels.txt"
    path.write_bytes(make(shipped(name, variant)))
    data = path.read_bytes()
    labels.write_text("\n".join(TEN[:2] if _single(data) else TEN))
    given = Given(value_range=(-1.0, 1.0) if _needs_range(data) else None)
    with edgecnn.load(path, value_range=given.value_range) as classifier:
        check(classifier, inspect_model(data, str(path), given, tmp_path).as_dict(), data)
    bundle = import_model(path, "mine", given)
    with edgecnn.load("mine") as classifier:
        check(classifier, inspect_bundle(bundle, bundle.default_variant()).as_dict(), data)
        assert read_bundle(Path(bundle.folder)).scores == classifier.model.scores


def _single(data):
    return inspect_model(data, "m").file.outputs[0].size == 1


def _needs_range(data):
    return inspect_model(data, "m").usage.convention.value_range is None


def test_of_the_shared_models(shared, tmp_path, monkeypatch):
    monkeypatch.setenv("EDGECNN_MODELS", str(tmp_path / "models"))
    coral, tiny = shared / "models/coral", shared / "models/mlperf_tiny"
    ten = tmp_path / "ten.txt"
    ten.write_text("\n".join(TEN))
    for k, (path, given) in enumerate(
        (
            (coral / "mobilenet_v2_1.0_224_quant.tflite", Given()),
            (coral / "tf2_mobilenet_v2_1.0_224_ptq.tflite", Given(coral / "imagenet_labels.txt")),
            (tiny / "pretrainedResnet.tflite", Given(ten, (0.0, 255.0))),
            (tiny / "pretrainedResnet_quant.tflite", Given(ten)),
        )
    ):
        data = path.read_bytes()
        labels = given.labels
        if k == 1 and inspect_model(data, "m").file.outputs[0].size == 1000:
            labels = tmp_path / "thousand.txt"
            labels.write_text("\n".join(f"{n} c{n}" for n in range(1000)))
        told = given._replace(labels=labels)
        with edgecnn.load(path, labels=told.labels, value_range=told.value_range) as classifier:
            check(classifier, inspect_model(data, str(path), told, path.parent).as_dict(), data)
        bundle = import_model(path, f"mine{k}", told)
        with edgecnn.load(f"mine{k}") as classifier:
            check(classifier, inspect_bundle(bundle, bundle.default_variant()).as_dict(), data)
