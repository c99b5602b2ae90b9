import numpy as np
import pytest

from edgecnn.errors import ModelError
from edgecnn.learning.cut import find_cut
from edgecnn.tflite.file import read_tflite
from tests.edgecnn.learning.test_quantize import dense
from tests.models import dequantized, float_edges, shipped, without_softmax
from tests.trunks import tiny_float, tiny_int8


def cut_of(data, name=None):
    file = read_tflite(data, "x.tflite")
    return file.tensors[find_cut(file, "x.tflite", name)]


@pytest.mark.parametrize(
    "data",
    [
        tiny_int8(),
        tiny_float(),
        without_softmax(tiny_int8()),
        dequantized(tiny_int8()),
        float_edges(tiny_int8()),
    ],
    ids=["int8", "float32", "logits", "dequantized", "float edges"],
)
def test_a_pooled_tensor_is_found_before_the_classes(data):
    assert (cut_of(data).name, cut_of(data).shape) == ("embedding", (1, 48))


@pytest.mark.parametrize(
    ("name", "dtype"), [("mobilenet_v2_1.0_224_quant", "uint8"), ("tf2_mobilenet_v2_1.0_224_ptq", "int8")]
)
def test_third_party_networks_are_cut(shared, name, dtype):
    found = cut_of((shared / f"models/coral/{name}.tflite").read_bytes())
    assert (found.size, found.dtype) == (1280, dtype)


def test_a_residual_network_is_cut_behind_its_pooling(shared):
    found = cut_of((shared / "models/mlperf_tiny/pretrainedResnet.tflite").read_bytes())
    assert (found.size, found.dtype) == (64, "float32")


def test_a_network_without_pooling_is_refused_with_the_reason():
    with pytest.raises(ModelError) as caught:
        cut_of(shipped("digits"))
    assert str(caught.value).startswith("x.tflite has nothing to cut: ")
    assert "--cut TENSOR" in str(caught.value)


def test_a_dense_network_is_refused():
    with pytest.raises(ModelError, match="nothing to cut: no layer of it pools; say where by --cut"):
        cut_of(dense(np.eye(3)))


def test_any_computed_tensor_can_be_named():
    assert cut_of(tiny_int8(), "logits").name == "logits"
    assert cut_of(tiny_int8(), "stem").size == 4096


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("embedding2", "has no tensor 'embedding2'; did you mean 'embedding'"),
        ("\x1b[2J", "has no tensor '␛.2J'; the last ones that it computes: .*probabilities"),
        ("stem/weights", "has no tensor 'stem/weights'"),
        ("image", "has no tensor 'image'"),
        ("", "has no tensor ''"),
    ],
)
def test_other_names_are_refused(name, pattern):
    with pytest.raises(ModelError, match=pattern):
        cut_of(tiny_int8(), name)


def test_a_tensor_of_too_many_values_is_refused(shared):
    data = (shared / "models/mlperf_tiny/pretrainedResnet.tflite").read_bytes()
    large = next(t.name for t in read_tflite(data, "x").tensors if not t.constant and t.size == 16_384)
    assert cut_of(data, large).size == 16_384
    mobile = (shared / "models/coral/mobilenet_v2_1.0_224_quant.tflite").read_bytes()
    file = read_tflite(mobile, "x")
    large = next(t.name for k, t in enumerate(file.tensors) if t.size > 20_000 and file.writer(k))
    with pytest.raises(ModelError, match="values, expected at most 16,384 to learn from: cut behind a layer"):
        cut_of(mobile, large)
