import hashlib

import pytest

from edgecnn.bundle.bundle import find, read_bundle
from edgecnn.errors import ModelError
from edgecnn.exchange.inspection import inspect_model
from tests.models import shipped, without_softmax


def test_the_textbooks_network_layer_by_layer():
    """Conv 32, pool, conv 64, pool, dense 64, dense 10: sizes by hand from the kernels and the biases."""
    found = inspect_model(shipped("mnist-classic"), "m.tflite")
    assert [layer.operator for layer in found.layers if layer.parameters] == [
        "CONV_2D", "CONV_2D", "FULLY_CONNECTED", "FULLY_CONNECTED",
    ]  # fmt: skip
    flat = next(layer for layer in found.layers if layer.operator == "RESHAPE").shape[-1]
    weights = [layer.parameters for layer in found.layers if layer.parameters]
    filters = [layer.shape[-1] for layer in found.layers if layer.operator == "CONV_2D"]
    assert weights == [
        9 * filters[0] + filters[0],
        9 * filters[0] * filters[1] + filters[1],
        flat * 64 + 64,
        64 * 10 + 10,
    ]
    assert found.parameters == sum(weights)
    bundle = read_bundle(find("mnist-classic"))
    assert found.file.macs == bundle.variants["int8"].macs == sum(layer.macs for layer in found.layers)
    assert found.usage.labels == bundle.labels
    assert found.usage.convention.value_range == (0.0, 1.0)
    assert "metadata" in found.usage.convention.reasons["range"]
    assert not found.no_classifier
    assert not found.usage.missing


def test_json_has_the_file_and_all_of_its_figures():
    data = shipped("cifar10")
    found = inspect_model(data, "m.tflite").as_dict()
    assert found["bytes"] == len(data)
    assert found["sha256"] == hashlib.sha256(data).hexdigest()
    assert found["inputs"][0]["shape"] == [1, 32, 32, 3]
    assert found["inputs"][0]["dtype"] == "int8"
    assert sum(found["operators"].values()) == len(found["layers"])
    assert found["float_tensors"] == []
    assert found["pictures"]["fit"] == "crop"
    assert set(found["pictures"]["reasons"]) == {"range", "fit", "color", "layout"}
    assert found["edge_tpu"] == {
        "compiled": False, "on_cpu": 0, "operators": len(found["layers"]),
        "summary": f"all {len(found['layers'])} operators map, as far as Coral's table says",
    }  # fmt: skip


def test_a_float_model_is_none_for_an_edge_tpu():
    found = inspect_model(shipped("cifar10", "float32"), "m.tflite")
    assert len(found.file.float_tensors) > 20
    assert found.edge_tpu_summary.startswith(
        f"takes none of the {len(found.layers)} operators: it works on float32"
    )


def test_logits_are_said():
    for data, scores in (
        (shipped("digits"), "probabilities"),
        (without_softmax(shipped("digits")), "logits"),
    ):
        assert inspect_model(data, "m").as_dict()["scores"]["scores"] == scores


def test_a_pair_of_corals_agrees_with_their_compiler(shared):
    """Its compiler put all of this model on the device: one operator is left."""
    name = "mobilenet_v2_1.0_224_quant"
    for path, operators in ((f"{name}.tflite", 66), (f"{name}_edgetpu.tflite", 1)):
        found = inspect_model((shared / "models/coral" / path).read_bytes(), path)
        assert len(found.layers) == operators
        assert found.edge_tpu.on_cpu == 0
        assert found.file.edge_tpu == (operators == 1)
        assert found.scores.scores == "probabilities"
        assert found.usage.convention.value_range == (-1.0, 1.0)
    assert "runs nowhere else; 0 operators stay on the CPU" in found.edge_tpu_summary
    cpu = inspect_model((shared / f"models/coral/{name}.tflite").read_bytes(), "m")
    # Keras' 3,504,872 that are trained, less the 17,056 gammas that folding takes, and one class more.
    assert cpu.parameters == 3_504_872 - 17_056 + 1281


def test_what_is_no_classifier_is_inspected_all_the_same(shared):
    found = inspect_model((shared / "models/odd/ssd_head.tflite").read_bytes(), "head.tflite")
    assert found.no_classifier.startswith("is no image classifier: it has 12 inputs and 4 outputs")
    assert found.usage is None
    assert found.operators["RESHAPE"] == 13
    assert "TFLite_Detection_PostProcess" in found.operators


def test_what_is_no_model_is_an_error(shared):
    with pytest.raises(ModelError, match="Git LFS pointer"):
        inspect_model((shared / "models/odd/lfs_pointer.tflite").read_bytes(), "m.tflite")
