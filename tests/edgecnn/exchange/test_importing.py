import json

import numpy as np
import pytest

import edgecnn
from edgecnn.bundle.bundle import read_bundle
from edgecnn.bundle.input_spec import Given
from edgecnn.classify import golden
from edgecnn.errors import BundleError, LabelsError, ModelError, OptionError, OutputError
from edgecnn.exchange.importing import import_model
from tests.models import channels_first, shipped

IMAGES = np.random.default_rng(5).integers(0, 256, (10, 40, 60, 3), np.uint8)


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGECNN_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def test_a_bundle_answers_as_the_file_that_it_was_made_of(models, shared):
    path = shared / "models/coral/mobilenet_v2_1.0_224_quant.tflite"
    bundle = import_model(path, "coral", Given())
    assert bundle.folder == models / "coral"
    assert (bundle.folder / "int8.tflite").read_bytes() == path.read_bytes()
    with edgecnn.load(path) as file, edgecnn.load("coral") as imported:
        assert imported.model.input == file.model.input
        assert imported.model.confidence == file.model.confidence
        assert imported.labels == file.labels
        assert golden.check(imported).largest_difference < 1e-6
        for image in IMAGES:
            assert imported.classify(image, 3) == file.classify(image, 3)


def test_what_was_told_is_kept(models, labels, tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(channels_first(shipped("cifar10", "float32")))
    bundle = import_model(path, "mine", Given(labels, (0.0, 1.0), "pad", "bgr"))
    assert list(bundle.variants) == ["float32"]
    spec = read_bundle(models / "mine").input
    assert (spec.fit, spec.color, spec.layout, spec.value_range) == ("pad", "bgr", "nchw", (0.0, 1.0))
    with edgecnn.load("mine", "float32") as classifier:
        assert classifier.labels == tuple("abcdefghij")
    with edgecnn.load("mine") as classifier:
        assert classifier.model.variant == "float32"
    with pytest.raises(
        ModelError,
        match="has no variant 'int8'; it has float32: choose by --variant, .*`variant=`",
    ):
        edgecnn.load("mine", "int8")


def test_it_lies_here_where_no_folder_is_set(tmp_path, monkeypatch, digits_file):
    monkeypatch.delenv("EDGECNN_MODELS", raising=False)
    monkeypatch.chdir(tmp_path)
    assert import_model(digits_file, "here", Given()).folder == tmp_path / "here"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-x", ".hidden", "a b", "é"])
def test_a_name_is_a_plain_word(models, digits_file, name):
    with pytest.raises(OptionError, match="--name is"):
        import_model(digits_file, name, Given())
    assert not models.exists()


def test_what_is_there_stays(models, digits_file):
    import_model(digits_file, "mine", Given())
    before = (models / "mine" / "bundle.json").read_bytes()
    with pytest.raises(OutputError, match="already exists: choose another --name"):
        import_model(digits_file, "mine", Given())
    assert (models / "mine" / "bundle.json").read_bytes() == before


def test_a_failed_import_leaves_nothing(models, shared, tmp_path, labels):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(shipped("digits")[:50_000])
    for path, given, kind in (
        (broken, Given(), ModelError),
        (shared / "models/mlperf_tiny/pretrainedResnet.tflite", Given(), LabelsError),
        (shared / "models/mlperf_tiny/pretrainedResnet.tflite", Given(labels), ModelError),
        (shared / "models/odd/ssd_head.tflite", Given(), ModelError),
        (shared / "models/coral/mobilenet_v2_1.0_224_quant_edgetpu.tflite", Given(), ModelError),
    ):
        with pytest.raises(kind):
            import_model(path, "mine", given)
    two = tmp_path / "two.txt"
    two.write_text("a\nb\n")
    with pytest.raises(ModelError, match="compiled for the Edge TPU"):
        import_model(shared / "models/odd/edgetpu_compiled_misnamed.tflite", "mine", Given(two))
    assert not models.exists() or not list(models.iterdir())


def test_the_manifest_says_where_it_comes_from(models, digits_file):
    import_model(digits_file, "mine", Given())
    manifest = json.loads((models / "mine" / "bundle.json").read_text())
    assert manifest["imported"] == {"file": digits_file.name, "bytes": digits_file.stat().st_size}


def test_the_keys_have_the_order_of_earlier_versions(models, digits_file, tmp_path):
    """And of scores, only what the file itself says is there: nothing was measured."""
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(["background", *"123456789"]) + "\n")
    import_model(digits_file, "plain", Given())
    import_model(digits_file, "mine", Given(labels))
    plain, mine = (json.loads((models / name / "bundle.json").read_text()) for name in ("plain", "mine"))
    head = ["format", "name", "title", "task", "labels", "input", "variants", "imported"]
    assert list(plain) == [*head, "scores", "golden", "files"]
    assert list(mine) == [*head, "confidence", "scores", "golden", "files"]
    assert mine["confidence"] == {
        "variants": {"int8": {"temperature": 1.0, "threshold": 0.0}},
        "unknown": {"background": "background"},
    }
    assert list(plain["golden"]) == ["inputs", "inputs_sha256", "outputs"]
    assert list(plain["variants"]["int8"]) == ["file", "sha256", "bytes", "macs"]
    assert list(plain["files"])[-1] == "bundle.json"


def test_a_label_that_no_bundle_can_have_is_refused(models, digits_file, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(["x" * 501, *"123456789"]) + "\n")
    with pytest.raises(BundleError, match=r"labels\[0\] is 'xxx.*, expected a text of 1 to 500 characters"):
        import_model(digits_file, "mine", Given(labels))
    assert list(models.iterdir()) == []
