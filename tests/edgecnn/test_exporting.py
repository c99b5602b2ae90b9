import ctypes
import re
import shutil
import subprocess

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import edgecnn
from edgecnn.bundle import open_model
from edgecnn.convention import Given
from edgecnn.errors import ModelError
from edgecnn.exporting import to_c, to_integers, with_metadata
from edgecnn.tflite_file import read_tflite
from edgecnn.tflite_writer import without_metadata
from tests.models import shipped

PICTURES = np.random.default_rng(7).integers(0, 256, (30, 50, 50, 3), np.uint8)


@pytest.fixture
def plain(shared, labels):
    """A model of others without labels and metadata inside."""
    path = shared / "models/mlperf_tiny/pretrainedResnet_quant.tflite"
    return open_model(path, given=Given(labels))


def test_a_shipped_model_is_exported_as_it_is():
    for variant in ("int8", "float32"):
        assert with_metadata(open_model("cifar10", variant)) == shipped("cifar10", variant)


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
        for picture in PICTURES:
            assert np.array_equal(unsigned.probabilities(picture), signed.probabilities(picture))


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
        for picture in PICTURES:
            assert np.array_equal(bare.probabilities(picture), whole.probabilities(picture))
