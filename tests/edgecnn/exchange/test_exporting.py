import ctypes
import re
import shutil
import subprocess

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import edgecnn
from edgecnn.bundle.bundle import open_model
from edgecnn.bundle.confidence import Confidence
from edgecnn.bundle.input_spec import Given
from edgecnn.errors import ModelError
from edgecnn.exchange.exporting import to_c, to_integers, with_metadata
from edgecnn.tflite.file import read_tflite
from edgecnn.tflite.writer import without_metadata
from tests.models import float_edges, several_outputs, shipped, vela

IMAGES = np.random.default_rng(7).integers(0, 256, (30, 50, 50, 3), np.uint8)


@pytest.fixture
def plain(shared, labels):
    """A third-party model without labels and metadata inside."""
    path = shared / "models/mlperf_tiny/pretrainedResnet_quant.tflite"
    return open_model(path, given=Given(labels))


@pytest.mark.parametrize("name", ["digits", "cifar10", "waste"])
@pytest.mark.parametrize("variant", ["int8", "float32"])
def test_an_exported_model_is_the_bundles_in_all_that_an_image_goes_through(name, variant, tmp_path):
    path = tmp_path / "out.tflite"
    model = open_model(name, variant)
    path.write_bytes(with_metadata(model))
    with edgecnn.load(path) as exported, edgecnn.load(name, variant) as own:
        assert exported.model.input == own.model.input
        assert exported.labels == own.labels
        assert exported.threshold == own.threshold
        for image in IMAGES[:5]:
            assert exported.classify(image) == own.classify(image)
            assert np.array_equal(exported.probabilities(image), own.probabilities(image))
        assert with_metadata(exported.model) == path.read_bytes()


def test_what_is_told_goes_before_what_an_export_says(tmp_path):
    path = tmp_path / "out.tflite"
    path.write_bytes(with_metadata(open_model("waste")))
    assert open_model(path).input.fit == "crop"
    told = open_model(path, given=Given(fit="pad", color="bgr")).input
    assert (told.fit, told.color) == ("pad", "bgr")


@pytest.mark.parametrize(
    "own",
    [
        b"",
        b"{",
        b"[]",
        b'{"fit": "x", "color": 1, "resize": null}',
        b'{"fit": ["crop"]}',
        b"\xff" * 5000,
        b'{"temperature": 1e9, "threshold": 0.5}',
        b'{"temperature": 1, "threshold": "x"}',
        b'{"temperature": 1, "threshold": 0.5, "unknown": ["x"]}',
    ],
)
def test_what_an_export_says_may_be_damaged(tmp_path, monkeypatch, own):
    for module in ("edgecnn.exchange.exporting", "edgecnn.bundle.edgecnn_metadata"):
        monkeypatch.setattr(f"{module}.write_edgecnn_metadata", lambda *_: own)
    path = tmp_path / "out.tflite"
    path.write_bytes(with_metadata(open_model("waste")))
    assert (open_model(path).input.fit, open_model(path).input.color) == ("stretch", "rgb")
    assert open_model(path).confidence == Confidence()


def test_labels_and_normalization_get_inside(plain, tmp_path):
    path = tmp_path / "out.tflite"
    path.write_bytes(with_metadata(plain))
    with edgecnn.load(path) as exported:
        assert exported.labels == plain.labels
        assert exported.model.file.metadata.mean == (0.0,)
        assert exported.model.file.metadata.std == (1.0,)
        assert exported.model.input.value_range == (0.0, 255.0)
        assert exported.model.file.operators == plain.file.operators


@pytest.mark.parametrize("name", ["cifar10", "digits", "waste"])
def test_uint8_gives_the_same_answers(name, tmp_path):
    path = tmp_path / "uint8.tflite"
    model = open_model(name)
    path.write_bytes(to_integers(model, "uint8"))
    with edgecnn.load(path, fit=model.input.fit) as unsigned, edgecnn.load(name) as signed:
        file = unsigned.model.file
        assert [t.dtype for t in (*file.inputs, *file.outputs)] == ["uint8", "uint8"]
        assert file.inputs[0].zero_point == model.file.inputs[0].zero_point + 128
        assert unsigned.labels == signed.labels
        for image in IMAGES:
            assert np.array_equal(unsigned.probabilities(image), signed.probabilities(image))


def test_signatures_name_the_new_tensors():
    data = to_integers(open_model("cifar10"), "uint8")
    runner = Interpreter(model_content=data).get_signature_runner()
    details = [*runner.get_input_details().values(), *runner.get_output_details().values()]
    assert [d["dtype"] for d in details] == [np.uint8, np.uint8]


def test_float_does_not_become_uint8():
    with pytest.raises(ModelError, match="float tensor .*: only int8 becomes uint8"):
        to_integers(open_model("cifar10", "float32"), "uint8")


def test_a_uint8_model_stays_as_it_is(shared):
    model = open_model(shared / "models/coral/mobilenet_v2_1.0_224_quant.tflite")
    file = read_tflite(to_integers(model, "uint8"), "m")
    assert file.operators == model.file.operators
    assert file.metadata.labels == model.labels


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler: apt install gcc")
def test_c_source_holds_the_model_and_its_labels(tmp_path):
    """Compiled and loaded again: the same bytes, at an address that TensorFlow Lite Micro takes."""
    labels = tmp_path / "odd.txt"
    odd = ['a "quoted"', "b\\\\n", "Grün ??=", "3 series", *"efghij"]
    labels.write_text("\n".join(odd))
    header, source = to_c(open_model("digits", given=Given(labels)), "2-digits")
    (tmp_path / "2-digits.h").write_text(header)
    (tmp_path / "2-digits.c").write_text(source)
    flags = ["-Wall", "-Wextra", "-Werror", "-std=c11", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, "2-digits.c", "-o", "lib.so"], cwd=tmp_path, check=True)
    library = ctypes.CDLL(str(tmp_path / "lib.so"))
    size = ctypes.c_uint.in_dll(library, "model_2_digits_model_bytes").value
    content = (ctypes.c_ubyte * size).in_dll(library, "model_2_digits_model")
    assert bytes(content) == without_metadata(shipped("digits"))
    assert ctypes.addressof(content) % 16 == 0
    count = ctypes.c_uint.in_dll(library, "model_2_digits_label_count").value
    found = (ctypes.c_char_p * count).in_dll(library, "model_2_digits_labels")
    assert [text.decode() for text in found] == odd
    assert re.search(r"unsigned char model_2_digits_model\[\d+\];", header)


def test_without_metadata_the_answers_stay(tmp_path):
    path, labels = tmp_path / "bare.tflite", tmp_path / "labels.txt"
    path.write_bytes(without_metadata(shipped("cifar10")))
    assert read_tflite(path.read_bytes(), "m").metadata.labels is None
    labels.write_text("\n".join("abcdefghij"))
    with edgecnn.load(path, labels=labels, fit="crop") as bare, edgecnn.load("cifar10") as whole:
        for image in IMAGES:
            assert np.array_equal(bare.probabilities(image), whole.probabilities(image))


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_float_edges_come_off(dtype, tmp_path, labels):
    """The network inside is left, and answers as before."""
    path, plain = tmp_path / "edges.tflite", tmp_path / "plain.tflite"
    path.write_bytes(float_edges(shipped("cifar10")))
    model = open_model(path, given=Given(labels))
    plain.write_bytes(to_integers(model, dtype))
    with edgecnn.load(path, labels=labels) as edges, edgecnn.load(plain) as bare:
        assert [t.dtype for t in (*bare.model.file.inputs, *bare.model.file.outputs)] == [dtype, dtype]
        assert bare.model.file.operators.count("QUANTIZE") == 2 * (dtype == "uint8")
        assert "DEQUANTIZE" not in bare.model.file.operators
        assert bare.labels == edges.labels
        for image in IMAGES:
            assert np.allclose(edges.probabilities(image), bare.probabilities(image), atol=1e-6)


def test_int8_after_an_export_as_uint8_is_as_before(tmp_path):
    path = tmp_path / "u.tflite"
    path.write_bytes(to_integers(open_model("cifar10"), "uint8"))
    back = to_integers(open_model(path), "int8")
    assert read_tflite(back, "m").operators == read_tflite(shipped("cifar10"), "m").operators


def test_one_output_of_several_is_left(tmp_path, labels):
    path = tmp_path / "many.tflite"
    path.write_bytes(several_outputs(shipped("digits")))
    model = open_model(path, given=Given(labels, output="softmax"))
    assert [t.name for t in read_tflite(to_integers(model, "int8"), "m").outputs] == ["softmax"]


class TestWhatMicroRefuses:
    def test_uint8_in_and_out_has_a_way_out(self, tmp_path):
        path = tmp_path / "u.tflite"
        path.write_bytes(to_integers(open_model("cifar10"), "uint8"))
        with pytest.raises(ModelError, match="uint8 in or out, which TensorFlow Lite Micro.*add --io int8"):
            to_c(open_model(path), "net")
        assert "int8 1x32x32x3" in to_c(open_model(path), "net", int8=True)[0]

    def test_uint8_throughout(self, shared):
        model = open_model(shared / "models/coral/mobilenet_v2_1.0_224_quant.tflite")
        for int8 in (False, True):
            with pytest.raises(ModelError, match="uint8 throughout.*TensorFlow 2"):
                to_c(model, "net", int8=int8)

    @pytest.mark.parametrize("kind", ["float16", "dynamic"])
    def test_float16_and_dynamic_range(self, kind, tmp_path):
        """The types of weights are changed in place: such a file is refused before anything runs it."""
        from ai_edge_litert import schema_py_generated as schema

        from tests.models import edited

        def change(made, graph):
            for op in graph.operators:
                weights = graph.tensors[op.inputs[1]] if len(op.inputs) > 1 else None
                held = made.buffers[weights.buffer].data if weights is not None else None
                if held is None or weights.type != schema.TensorType.FLOAT32:
                    continue
                halves = np.frombuffer(bytes(held), "<f4").astype("<f2" if kind == "float16" else "i1")
                weights.type = getattr(schema.TensorType, "FLOAT16" if kind == "float16" else "INT8")
                weights.quantization = schema.QuantizationParametersT()
                weights.quantization.scale = np.array([0.1], np.float32)
                made.buffers[weights.buffer].data = np.frombuffer(halves.tobytes(), np.uint8)
                return

        model = open_model("digits", "float32")
        data = edited(model.data, change)
        changed = model._replace(data=data, file=read_tflite(data, "m"))
        word = "float16 weights" if kind == "float16" else "int8 weights for float values"
        with pytest.raises(ModelError, match=f"{word}.*take --variant int8 where .*it has int8"):
            to_c(changed, "net")

    def test_float_and_what_vela_made_are_taken(self, tmp_path, labels):
        assert to_c(open_model("digits", "float32"), "net")
        path = tmp_path / "v.tflite"
        path.write_bytes(vela(shipped("digits")))
        model = open_model(path, given=Given(labels))
        _, source = to_c(model, "net")
        numbers = re.findall(r"\b\d+\b", source[source.index("= {") : source.index("};")])
        written = read_tflite(bytes(map(int, numbers)), "m")
        assert dict(written.notes)["OfflineMemoryAllocation"], "where activations lie is kept"
        with pytest.raises(ModelError, match="compiled for Arm's Ethos-U by Vela and takes no other form"):
            to_c(model, "net", int8=True)
