import hashlib
import json
import shutil

import pytest

import edgecnn
from edgecnn.bundle import bundle
from edgecnn.classify.golden import check, golden_images
from edgecnn.errors import AnswerError, BundleError
from tests.models import nan_bundle


def test_the_images_are_the_same_everywhere():
    digest = hashlib.sha256(golden_images(28, 28, 1).tobytes()).hexdigest()
    assert digest == bundle.read_bundle(bundle.find("digits")).manifest.document["golden"]["inputs_sha256"]
    images = golden_images(32, 48, 3)
    assert images.shape == (8, 32, 48, 3)
    assert len({p.tobytes() for p in images}) == 8
    assert 100 < images[-1].mean() < 155


@pytest.mark.parametrize("name", ["digits", "mnist-classic"])
@pytest.mark.parametrize("variant", ["int8", "float32"])
def test_shipped_bundles_give_their_recorded_answers(name, variant):
    with edgecnn.load(name, variant) as classifier:
        assert check(classifier).agrees


def test_other_answers_are_noticed(tmp_path):
    folder = tmp_path / "digits"
    shutil.copytree(bundle.find("digits"), folder)
    manifest = json.loads((folder / "bundle.json").read_text())
    outputs = manifest["golden"]["outputs"]["int8"]
    outputs[3] = outputs[3][::-1]
    (folder / "bundle.json").write_text(json.dumps(manifest))
    with edgecnn.load(folder) as classifier:
        assert not check(classifier).agrees


def test_a_bare_file_has_none(digits_file):
    with edgecnn.load(digits_file) as classifier, pytest.raises(BundleError, match="no golden vectors"):
        check(classifier)


@pytest.mark.parametrize(
    "change", [{"inputs": "blocks-2", "outputs": 3}, {"inputs_sha256": "0"}, {"outputs": {}}]
)
def test_golden_vectors_of_another_kind_are_said(tmp_path, change):
    folder = tmp_path / "digits"
    shutil.copytree(bundle.find("digits"), folder)
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["golden"] |= change
    (folder / "bundle.json").write_text(json.dumps(manifest))
    with edgecnn.load(folder) as classifier, pytest.raises(BundleError, match="no golden vectors"):
        check(classifier)


def test_a_bundle_without_golden_vectors_opens_and_says_so(tmp_path):
    folder = tmp_path / "digits"
    shutil.copytree(bundle.find("digits"), folder)
    manifest = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**manifest, "golden": None}))
    with edgecnn.load(folder) as classifier, pytest.raises(BundleError, match="no golden vectors"):
        check(classifier)


def test_a_model_that_answers_nan_is_said(tmp_path):
    with edgecnn.load(nan_bundle(tmp_path), "float32") as classifier:
        assert "it answers NaN or infinity on its golden inputs" in classifier.notices[0]
        with pytest.raises(AnswerError, match="digits float32 answered NaN or infinity"):
            check(classifier)
