"""Third-party models, each kind made from a shipped one: they answer as that one does."""

import io
import json
import zipfile

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import edgecnn
from edgecnn.bundle.bundle import open_model, read_bundle
from edgecnn.bundle.input_spec import Given
from edgecnn.errors import LabelsError, ModelError
from edgecnn.exchange.importing import import_model
from edgecnn.exchange.inspection import inspect_model
from tests.models import (
    channels_first,
    edited,
    float_edges,
    open_size,
    raw_pixels,
    reshaped,
    several_outputs,
    shipped,
    vela,
    without_softmax,
)
from tests.models import quantized as with_quantization

IMAGES = np.random.default_rng(9).integers(0, 256, (8, 48, 64, 3), np.uint8)
UNIT = {"value_range": (0.0, 1.0)}


@pytest.fixture
def model(tmp_path):
    """Write a model into a folder of its own, and return its path."""

    def write(data, name="m"):
        folder = tmp_path / f"of {name}"
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.tflite"
        path.write_bytes(data)
        return path

    return write


def bare(name, variant="int8"):
    """A shipped model without the metadata in its file."""
    return edited(shipped(name, variant), lambda *_: None)


def assert_alike(one, other, atol=1e-6):
    for image in IMAGES:
        assert np.allclose(one.probabilities(image), other.probabilities(image), atol=atol)


class TestOpenSize:
    def test_it_is_asked_for_and_never_taken_for_one_pixel(self, model, labels):
        path = model(open_size(shipped("cifar10", "float32")))
        with pytest.raises(
            ModelError, match=r"leaves the size of its images open .*-1.*: add --input-size WxH"
        ):
            edgecnn.load(path, labels=labels, **UNIT)
        fixed = model(bare("cifar10", "float32"), "fixed")
        told = {"labels": labels, "input_size": (32, 32), **UNIT}
        with edgecnn.load(path, **told) as ours, edgecnn.load(fixed, labels=labels, **UNIT) as same:
            assert (ours.model.input.width, ours.model.input.height) == (32, 32)
            assert ours.model.file.inputs[0].shape == (1, 32, 32, 3)
            assert_alike(ours, same, 1e-4)

    def test_other_sizes_run_too_and_a_bundle_keeps_theirs(self, model, labels, tmp_path, monkeypatch):
        monkeypatch.setenv("EDGECNN_MODELS", str(tmp_path / "models"))
        path = model(open_size(shipped("cifar10", "float32")))
        given = Given(labels, (0.0, 1.0), size=(48, 40))
        import_model(path, "mine", given)
        with (
            edgecnn.load("mine") as mine,
            edgecnn.load(path, labels=labels, input_size=(48, 40), **UNIT) as file,
        ):
            assert (mine.model.input.width, mine.model.input.height) == (48, 40)
            assert_alike(mine, file)

    def test_a_model_of_one_size_takes_no_other(self, digits_file):
        with pytest.raises(ModelError, match=r"takes 28×28 pixels, so it can't get --input-size 32x32"):
            edgecnn.load(digits_file, input_size=(32, 32))
        with edgecnn.load(digits_file, input_size=(28, 28)) as classifier:
            assert classifier.model.input.width == 28

    def test_a_child_process_runs_it_too(self, model, labels):
        path = model(open_size(shipped("cifar10", "float32")))
        told = {"labels": labels, "input_size": (32, 32), **UNIT}
        with edgecnn.load(path, **told) as ours, edgecnn.load(path, deadline_ms=60_000, **told) as apart:
            assert_alike(ours, apart)


class TestFlat:
    @pytest.mark.parametrize("shape", [[1, 784], [1, 28, 28]])
    @pytest.mark.parametrize("variant", ["int8", "float32"])
    def test_rows_of_values_are_images_and_that_is_said(self, shape, variant, model, labels):
        path, same = (
            model(reshaped(shipped("digits", variant), shape)),
            model(bare("digits", variant), "same"),
        )
        told = {"labels": labels, **UNIT}
        with edgecnn.load(path, **told) as ours, edgecnn.load(same, **told) as whole:
            assert (ours.model.input.width, ours.model.input.color) == (28, "gray")
            assert f"its input {shape} is taken for an image of 28×28 gray" in ours.notices[0]
            assert "--input-size" in ours.notices[0]
            assert_alike(ours, whole)

    def test_three_channels_too(self, model, labels):
        path, same = model(reshaped(shipped("cifar10"), [1, 3072])), model(bare("cifar10"), "same")
        with (
            edgecnn.load(path, labels=labels, **UNIT) as ours,
            edgecnn.load(same, labels=labels, **UNIT) as whole,
        ):
            assert ours.model.input.color == "rgb"
            assert_alike(ours, whole)

    @pytest.mark.parametrize("shape", [(1, 4), (1, 49, 40), (1, 785), (1, 10), (784,), (2, 784)])
    def test_other_values_are_no_images(self, shape):

        from edgecnn.bundle.classifier_file import as_classifier
        from edgecnn.tflite.file import read_tflite

        file = read_tflite(shipped("digits"), "m")
        odd = file._replace(inputs=(file.inputs[0]._replace(shape=shape),))
        with pytest.raises(ModelError, match="is no image classifier: its input has the shape"):
            as_classifier(odd, "m")
        if shape == (1, 49, 40):
            assert as_classifier(odd, "m", size=(40, 49)).inputs[0].shape == shape


class TestRange:
    MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)

    def described(self, data, mean, std):
        from edgecnn.tflite.writer import write_metadata

        ranges = [(-m / s, (255 - m) / s) for m, s in zip(mean, std, strict=True)]
        return write_metadata(
            data, name="n", description="d", license_text="l", labels=list("abcdefghij"), color="rgb",
            value_range=ranges[0], channel_ranges=ranges if len(ranges) > 1 else (),
        )  # fmt: skip

    def test_each_channel_separately_from_metadata(self, model, tmp_path, monkeypatch):
        path = model(self.described(shipped("cifar10", "float32"), self.MEAN, self.STD))
        image = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
        with edgecnn.load(path) as ours:
            assert (
                "[123.675, 116.28, 103.53]"
                in inspect_model(path.read_bytes(), "m").usage.convention.reasons["range"]
            )
            expected = (image[..., ::-1].astype(np.float64) - self.MEAN) / self.STD
            assert np.allclose(ours._preprocess(image)[0], expected, rtol=0, atol=1e-6)
            monkeypatch.setenv("EDGECNN_MODELS", str(tmp_path / "models"))
            bundle = import_model(path, "mine", Given())
            assert len(json.loads((bundle.folder / "bundle.json").read_text())["input"]["range"]) == 3
            with edgecnn.load("mine") as mine:
                assert mine.model.input == ours.model.input
                assert_alike(mine, ours)

    def test_into_int8_too(self, model):
        low, high = -2.1179039, 2.64
        data = with_quantization(
            shipped("cifar10"), (high - low) / 255, round(-128 - low / ((high - low) / 255))
        )
        path = model(self.described(data, self.MEAN, self.STD))
        image = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
        with edgecnn.load(path) as ours:
            tensor = ours.model.file.inputs[0]
            real = (image[..., ::-1].astype(np.float64) - self.MEAN) / self.STD
            steps = np.clip(np.floor(real / tensor.scale + 0.5) + tensor.zero_point, -128, 127)
            assert abs(ours._preprocess(image)[0] - steps).max() <= 1
            assert np.mean(ours._preprocess(image)[0] != steps) < 0.01

    def test_grey_and_channels_first_too(self, model):
        path = model(self.described(channels_first(shipped("cifar10", "float32")), self.MEAN, self.STD))
        image = np.random.default_rng(1).integers(0, 256, (32, 32), np.uint8)
        with edgecnn.load(path, color="gray") as ours:
            expected = (np.stack([image] * 3, -1).astype(np.float64) - self.MEAN) / self.STD
            assert np.allclose(ours._preprocess(image)[0], expected.transpose(2, 0, 1), atol=1e-6)

    @pytest.mark.parametrize(("mean", "std"), [(127.5, 64.0), (0.0, 51.0), (-10.0, 3.0)])
    def test_any_mean_and_deviation(self, mean, std, model):
        path = model(self.described(shipped("cifar10", "float32"), [mean], [std]))
        image = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
        with edgecnn.load(path) as ours:
            assert np.allclose(
                ours._preprocess(image)[0], (image[..., ::-1] - mean) / std, rtol=1e-5, atol=1e-5
            )

    def test_three_ranges_can_be_told(self, model, labels):
        ranges = tuple((-m / s, (255 - m) / s) for m, s in zip(self.MEAN, self.STD, strict=True))
        told = model(bare("cifar10", "float32"))
        known = model(self.described(shipped("cifar10", "float32"), self.MEAN, self.STD), "known")
        fit = {"fit": "stretch"}  # which the shipped file says itself
        with (
            edgecnn.load(told, labels=labels, value_range=ranges, **fit) as ours,
            edgecnn.load(known, **fit) as same,
        ):
            assert_alike(ours, same, 1e-5)
        with pytest.raises(ModelError, match="--range has 3 ranges"):
            edgecnn.load(model(bare("digits", "float32"), "grey"), labels=labels, value_range=ranges)

    def test_pixels_without_a_scale_are_what_they_are(self, model, labels):
        path, same = model(raw_pixels(shipped("digits", "float32"))), model(bare("digits", "float32"), "same")
        with edgecnn.load(path, labels=labels) as ours, edgecnn.load(same, labels=labels, **UNIT) as whole:
            assert ours.model.input.value_range == (0.0, 255.0)
            assert_alike(ours, whole, 1e-5)

    def test_a_first_quantize_gives_the_range(self, model, labels):
        path, same = model(float_edges(shipped("digits"))), model(bare("digits"), "same")
        with edgecnn.load(path, labels=labels) as ours, edgecnn.load(same, labels=labels) as whole:
            assert ours.model.variant == "int8"
            assert ours.model.file.inputs[0].dtype == "float32"
            assert ours.model.input.value_range == (0.0, 1.0)
            assert_alike(ours, whole, 1 / 256)
        minus = float_edges(with_quantization(shipped("digits"), 1 / 127.5, -1))
        with edgecnn.load(model(minus, "minus"), labels=labels) as ours:
            assert ours.model.input.value_range == (-1.0, 1.0)

    @pytest.mark.parametrize("make", [float_edges, lambda data: data])
    def test_a_range_that_contradicts_it_is_warned_of(self, make, model, labels):
        path = model(make(bare("digits")))
        for told, word in (((0.0, 255.0), "black or white"), ((0.0, 0.01), "nearly the same")):
            with edgecnn.load(path, labels=labels, value_range=told) as ours:
                assert "contradicts the quantization of its input, which stands for 0..1" in ours.notices[0]
                assert word in ours.notices[0]
                assert "--range 0..1" in ours.notices[0]
                assert ours.model.input.value_range == told
        with edgecnn.load(path, labels=labels, value_range=(0.0, 1.0)) as ours:
            assert ours.notices == ()

    def test_suggestions_could_be_right(self, model, labels):
        path = model(with_quantization(bare("cifar10"), 0.02, 0))
        with pytest.raises(ModelError, match=r"stands for -2.56..2.54") as error:
            edgecnn.load(path, labels=labels)
        assert "--range -2.56..2.54, --range 0..1 or --range -1..1," in str(error.value)
        assert "0..255" not in str(error.value)


class TestOutputs:
    def test_one_of_several_is_chosen(self, model, labels, tmp_path, monkeypatch):
        monkeypatch.setenv("EDGECNN_MODELS", str(tmp_path / "models"))
        path, same = model(several_outputs(shipped("digits"))), model(bare("digits"), "same")
        with pytest.raises(
            ModelError, match=r"has 2 outputs, .*softmax \[1, 10\]: choose .* by --output NAME"
        ):
            edgecnn.load(path, labels=labels)
        with edgecnn.load(same, labels=labels) as whole:
            for name in ("softmax", "1"):
                with edgecnn.load(path, labels=labels, output=name) as ours:
                    assert_alike(ours, whole)
            import_model(path, "mine", Given(labels, output="softmax"))
            with edgecnn.load("mine") as mine:
                assert_alike(mine, whole)
        with edgecnn.load(path, labels=labels, output="0") as logits:
            assert logits.model.scores == "logits"
        with pytest.raises(ModelError, match="no output 'nothing': it has"):
            edgecnn.load(path, labels=labels, output="nothing")


class TestLabels:
    def test_they_are_found_next_to_the_model_and_that_is_reported(self, model):
        path = model(bare("digits"))
        found = path.with_name("labels.txt")
        found.write_text("\n".join(f"{n}: c{n}" for n in range(9, -1, -1)))
        with edgecnn.load(path) as ours:
            assert ours.labels == tuple(f"c{n}" for n in range(10))
            assert f"labels of {found}, which is next to it; --labels FILE" in ours.notices[0]
        own = path.with_name("m_labels.txt")
        own.write_text("\n".join("abcdefghij"))
        with edgecnn.load(path) as ours:
            assert ours.labels == tuple("abcdefghij")
        own.write_text("a\nb")
        with pytest.raises(
            LabelsError, match=r"no labels inside, and .*m_labels.txt has 2, expected 10: give"
        ):
            edgecnn.load(path)

    def test_all_that_is_missing_is_asked_for_in_one_line(self, model):
        with pytest.raises(LabelsError) as error:
            edgecnn.load(model(bare("digits", "float32")))
        text = str(error.value)
        assert "has no labels inside and is a float model and does not say which range" in text
        assert "give --labels FILE with 10 lines, and add --range 0..1" in text
        assert "\n" not in text

    def packed(self, texts):
        """A model with files in an archive behind it, and nothing that names them."""
        held = io.BytesIO(bare("digits"))
        with zipfile.ZipFile(held, "a") as archive:
            for name, text in texts.items():
                archive.writestr(name, text)
        return held.getvalue()

    @pytest.mark.parametrize(
        "text",
        [
            "\ufeff" + "".join(f"c{n} \r\n" for n in range(10)) + "\r\n",
            "\n".join(f"{n}  c{n}" for n in range(9, -1, -1)),
            str({"stride": 32, "task": "classify", "names": {n: f"c{n}" for n in range(10)}}),
            json.dumps({"names": {str(n): f"c{n}" for n in (3, 1, 0, 2, 4, 5, 9, 8, 7, 6)}}),
        ],
    )
    @pytest.mark.parametrize("name", ["labels.txt", "temp_meta.txt"])
    def test_those_inside_go_through_the_same_reader(self, text, name, model):
        with edgecnn.load(model(self.packed({name: text}))) as ours:
            assert ours.labels == tuple(f"c{n}" for n in range(10))

    def test_names_are_found_in_other_files_and_metadata(self, model):
        names = {str(n): f"c{n}" for n in range(10)}
        texts = {"readme.txt": "a model", "metadata.json": json.dumps({"author": "x", "names": names})}
        with edgecnn.load(model(self.packed(texts))) as ours:
            assert ours.labels == tuple(names.values())
        for key, value in (("metadata", {"names": names}), ("names", names), ("names", list(names.values()))):

            def edit(made, _, key=key, value=value):
                entry, held = schema.MetadataT(), schema.BufferT()
                held.data = np.frombuffer(json.dumps(value).encode(), np.uint8)
                made.buffers.append(held)
                entry.name, entry.buffer = key.encode(), len(made.buffers) - 1
                made.metadata = [entry]

            with edgecnn.load(model(edited(shipped("digits"), edit), key)) as ours:
                assert ours.labels == tuple(names.values())

    def test_gaps_inside_are_said(self, model):
        with pytest.raises(
            LabelsError, match=r"labels inside that can't be used \(its metadata has no number 2"
        ):
            edgecnn.load(model(self.packed({"labels.txt": "0 a\n1 b\n3 d"})))

    @pytest.mark.parametrize("first", [0, 1])
    def test_imagenets_background_comes_once_and_shifts_nothing(self, first, shared, tmp_path):
        path = shared / "models/coral/mobilenet_v2_1.0_224_quant.tflite"
        numbered = tmp_path / "numbered.txt"
        numbered.write_text("\n".join(f"{n} c{n}" for n in sorted(range(first, first + 1000), key=str)))
        with edgecnn.load(path, labels=numbered) as classifier:
            assert classifier.labels == ("background", *(f"c{n}" for n in range(first, first + 1000)))
        numbered.write_text("\n".join(["0 background", *(f"{n} c{n}" for n in range(1, 1000))]))
        with pytest.raises(LabelsError, match="1000 labels, but the model has 1001"):
            edgecnn.load(path, labels=numbered)


def test_an_import_says_what_it_is_and_runs_without_its_variant(
    run_cli, model, labels, tmp_path, monkeypatch
):
    monkeypatch.setenv("EDGECNN_MODELS", str(tmp_path / "models"))
    path = model(bare("digits", "float32"))
    ran = run_cli(
        "models", "import", path, "--name", "mine", "--labels", labels, "--range", "-1..1", "--fit", "pad"
    )
    assert ran.code == 0, ran.err
    assert "10 labels; scores are probabilities: its graph ends in a softmax" in ran.out
    assert "--variant" not in ran.out
    assert read_bundle(tmp_path / "models" / "mine").scores == "probabilities"
    shown = run_cli("models", "show", "mine")
    for part in (
        "28×28 gray, fit pad",
        "become -1 and 1",
        "Scores: probabilities",
        "Labels, 10: a; b; c",
        "float32",
    ):
        assert part in shown.out
    for command in (
        ["inspect", "mine"],
        ["models", "verify", "mine"],
        ["models", "export", "mine", "--out", tmp_path / "out.tflite"],
        ["live", "--model", "mine", "--source", "synthetic", "--frames", "3", "--show", "none"],
    ):
        ran = run_cli(*command)
        assert ran.code == 0, ran.err
    ran = run_cli("bench", "--model", "mine", "--blocks", "8", "--cold-starts", "0")
    assert ran.code == 0, ran.err
    assert "mine has no other variant than float32, so nothing is compared; --against OTHER.tflite" in ran.err


def test_what_vela_made_is_called_so(model, labels, run_cli):
    path = model(vela(shipped("digits")))
    with pytest.raises(ModelError, match="compiled for Arm's Ethos-U by Vela, and runs only there"):
        edgecnn.load(path, labels=labels)
    with pytest.raises(ModelError, match="Ethos-U"):
        import_model(path, "mine", Given(labels))
    assert "Vela compiled it for Arm's Ethos-U" in " ".join(run_cli("inspect", path).out.split())
    assert not open_model(path, given=Given(labels)).file.edge_tpu


def test_a_third_party_logits_model_still_loads_without_a_notice(model, labels):
    with edgecnn.load(model(without_softmax(shipped("digits"))), labels=labels) as ours:
        assert ours.notices == ()
