import json
import shutil

import pytest

from edgecnn.bundle import bundle
from edgecnn.bundle.input_spec import Given, InputSpec
from edgecnn.errors import BundleError, LabelsError, ModelError, ModelNotFound


@pytest.fixture
def copy(tmp_path):
    folder = tmp_path / "digits"
    shutil.copytree(bundle.find("digits"), folder)
    return folder


DIGITS = tuple("0123456789")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
LABELS = {
    "cifar10": CIFAR10,
    "digits": DIGITS,
    "fashion": FASHION,
    "mnist": DIGITS,
    "mnist-classic": DIGITS,
    "signs": DIGITS,
    "waste": ("cardboard", "glass", "metal", "paper", "plastic", "trash"),
}
SHIPPED = list(LABELS)


def edit(folder, change):
    path = folder / "bundle.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_shipped_bundles_are_listed_and_open_in_every_variant():
    names = [b.name for b in bundle.list_bundles()]
    assert names == SHIPPED
    for name in names:
        for variant in ("int8", "float32"):
            model = bundle.open_model(name, variant)
            assert model.labels == LABELS[name]
            assert model.input.value_range == (0.0, 1.0)
            assert model.file.metadata.labels == model.labels, "the labels are in the file too"


def test_manifests_describe_the_files():
    for b in bundle.list_bundles():
        for variant in b.variants.values():
            assert variant.bytes == len(b.read(variant.name))
            assert variant.macs == bundle.open_model(b.name, variant.name).file.macs
            assert {"cifar10": 0.895, "fashion": 0.94, "waste": 0.9}.get(b.name, 0.98) < variant.accuracy <= 1
        ids = (b.folder / "calibration.txt").read_text().split()
        assert len(set(ids)) == b.manifest.document["training"]["calibration"]["count"]


def test_the_environment_comes_first(copy, monkeypatch):
    monkeypatch.setenv("EDGECNN_MODELS", str(copy.parent))
    assert bundle.find("digits") == copy


def test_a_missing_model_names_those_that_there_are():
    with pytest.raises(ModelNotFound, match=", ".join(SHIPPED)):
        bundle.find("nowhere")
    with pytest.raises(FileNotFoundError):
        bundle.find("nowhere.tflite")
    with pytest.raises(ModelNotFound):
        bundle.find("")


def test_a_near_name_is_suggested():
    with pytest.raises(ModelNotFound, match="did you mean 'mnist-classic'"):
        bundle.find("mnist-clasic")
    with pytest.raises(ModelNotFound, match="no model file 'nowhere.tflite'"):
        bundle.find("nowhere.tflite")


def test_a_name_means_the_installed_bundle_whatever_lies_here(copy, monkeypatch):
    monkeypatch.chdir(copy.parent)
    assert bundle.find("digits") != copy
    assert bundle.find("./digits").resolve() == copy


def test_a_dot_in_a_name_is_part_of_it(copy, monkeypatch):
    copy.rename(copy.with_name("my.v2"))
    monkeypatch.setenv("EDGECNN_MODELS", str(copy.parent))
    assert bundle.find("my.v2").name == "my.v2"


def test_one_broken_bundle_does_not_hide_the_others(copy, monkeypatch):
    (copy / "bundle.json").rename(copy / "bundle.json.lost")
    broken = copy.with_name("broken")
    copy.rename(broken)
    (broken / "bundle.json").write_text("{")
    monkeypatch.setenv("EDGECNN_MODELS", str(broken.parent))
    assert [b.name for b in bundle.list_bundles()] == SHIPPED
    assert [f.name for f in bundle.bundle_folders()] == ["broken", *SHIPPED]


def test_labels_keep_their_numbers_and_spaces_in_a_bundle(copy):
    labels = [" cat", *(f"{i} dogs" for i in range(1, 10))]
    edit(copy, lambda m: m.update(labels=labels))
    (copy / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
    assert bundle.open_model(copy).labels == tuple(labels)


def test_a_bare_file_has_one_variant(digits_file):
    with pytest.raises(ModelError, match="no float32 variant"):
        bundle.open_model(digits_file, "float32")


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path):
    with pytest.raises(ModelNotFound, match="is no bundle"):
        bundle.find(tmp_path)


def test_a_changed_file_is_refused_by_its_hash(copy):
    file = copy / "int8.tflite"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(BundleError, match="SHA-256"):
        bundle.open_model(copy)
    bundle.open_model(copy, "float32")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(format=99), "format is 99, expected 1: install the edgecnn"),
        (lambda m: m["labels"].append("ten"), "expected a list of 11 numbers"),
        (lambda m: m["labels"].reverse(), "different labels"),
        (lambda m: m["input"].update(width=32), "takes"),
        (lambda m: m["variants"]["int8"].update(bytes=1000), "more than 1,000 bytes"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(copy, change, message):
    edit(copy, change)
    with pytest.raises(BundleError, match=message):
        bundle.open_model(copy)


def test_a_manifest_that_is_no_json_is_refused(copy):
    (copy / "bundle.json").write_text("{")
    with pytest.raises(BundleError, match="is not a bundle manifest"):
        bundle.open_model(copy)


def test_a_lost_file_is_named(copy):
    (copy / "int8.tflite").unlink()
    with pytest.raises(BundleError, match=r"int8\.tflite can't be read"):
        bundle.open_model(copy)


def test_a_bundle_names_its_own_range(copy):
    with pytest.raises(BundleError, match="leave --range out"):
        bundle.open_model(copy, given=Given(value_range=(0.0, 1.0)))


def test_a_bare_file_tells_its_labels_and_range(digits_file):
    model = bundle.open_model(digits_file)
    assert model.labels == tuple("0123456789")
    assert model.variant == "int8"
    assert model.input == InputSpec(28, 28, "gray", "stretch", "halved", (0.0, 1.0))


@pytest.mark.parametrize("count", [1, 9, 11])
def test_labels_have_to_fit_the_outputs(digits_file, tmp_path, count):
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join("abcdefghijk"[:count]))
    with pytest.raises(LabelsError, match=f"{count} labels?, but the model has 10"):
        bundle.open_model(digits_file, given=Given(labels))


def test_labels_that_are_no_text_are_refused(digits_file, tmp_path):
    labels = tmp_path / "labels.txt"
    with pytest.raises(LabelsError, match="can't be read"):
        bundle.open_model(digits_file, given=Given(labels))
    labels.write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(LabelsError, match="UTF-8"):
        bundle.open_model(digits_file, given=Given(labels))


def test_a_bare_float_model_has_to_be_told_its_range(shared, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join("abcdefghij"))
    path = shared / "models/mlperf_tiny/pretrainedResnet.tflite"
    with pytest.raises(ModelError, match=r"add --range 0\.\.1"):
        bundle.open_model(path, given=Given(labels))
    model = bundle.open_model(path, given=Given(labels, (0.0, 255.0)))
    assert model.input.value_range == (0.0, 255.0)


def test_ranges_of_real_models_are_found(shared, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join("abcdefghij"))
    resnet = bundle.open_model(
        shared / "models/mlperf_tiny/pretrainedResnet_quant.tflite", given=Given(labels)
    )
    assert resnet.input.value_range == (0.0, 255.0)
    for name in ("mobilenet_v2_1.0_224_quant", "tf2_mobilenet_v2_1.0_224_ptq"):
        model = bundle.open_model(shared / f"models/coral/{name}.tflite")
        assert model.input.value_range == pytest.approx((-1.0, 1.0))


def test_a_folder_of_photos_leads_to_the_model_that_was_trained_on_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few").mkdir()
    with pytest.raises(ModelNotFound, match="so it is no bundle$"):
        bundle.find("few")
    shutil.copytree(bundle.find("digits"), tmp_path / "few-model")
    with pytest.raises(ModelNotFound, match="no bundle: did you mean 'few-model'"):
        bundle.find("few")
