import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edgecnn.bundle import bundle
from edgecnn.tflite.file import read_tflite
from edgecnn.tflite.writer import write_metadata
from edgecnn_train.quantize import compact
from tests.train.quantize.conftest import NETWORKS


def run(content, count=30):
    """The raw output for random inputs of the file's own type."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    image, scores = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    rng = np.random.default_rng(0)
    outputs = []
    for _ in range(count):
        pixels = rng.integers(0, 256, image["shape"])
        if image["dtype"] == np.int8:
            interpreter.set_tensor(image["index"], (pixels - 128).astype(np.int8))
        else:
            interpreter.set_tensor(image["index"], (pixels / 255).astype(image["dtype"]))
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(scores["index"]).copy())
    return np.stack(outputs), interpreter.get_signature_list()


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", ["int8", "float32"])
def test_the_answers_are_the_same_bit_for_bit(workshop, name, kind):
    content = getattr(workshop, kind)(name)
    small = compact(content)
    assert len(small) < len(content)
    before, after = run(content), run(small)
    np.testing.assert_array_equal(before[0], after[0])
    assert before[1] == after[1]
    old, new = read_tflite(content, name), read_tflite(small, name)
    assert old.operators == new.operators
    assert [(t.shape, t.dtype, t.scale, t.zero_point, t.channels) for t in old.tensors] == [
        (t.shape, t.dtype, t.scale, t.zero_point, t.channels) for t in new.tensors
    ]
    assert compact(small) == small


@pytest.mark.slow
def test_a_residual_network_gets_a_tenth_smaller(workshop):
    content = workshop.int8("residual")
    assert len(compact(content)) < 0.9 * len(content)
    assert len(compact(workshop.twin_int8("residual"))) < 0.9 * len(workshop.twin_int8("residual"))


@pytest.mark.slow
def test_names_are_the_layers_own(workshop):
    names = [t.name for t in read_tflite(compact(workshop.int8("residual")), "x").tensors]
    assert len(set(names)) == len(names)
    assert {"image", "conv1", "conv1/kernel", "conv1/bias", "stage2_add", "stage3_skip", "gap"} <= set(names)
    names = {t.name for t in read_tflite(compact(workshop.twin_int8("depthwise")), "x").tensors}
    assert {"image", "conv1", "b1_dw", "b1_dw/kernel", "b2_pw", "logits/kernel", "logits"} <= names


@pytest.mark.slow
def test_contents_lie_at_multiples_of_16_bytes(workshop):
    small = compact(workshop.int8("residual"))
    named = write_metadata(
        small, name="n", description="d", license_text="l", labels=["a"] * 10, color="rgb", value_range=(0, 1)
    )
    for content in (small, named):
        model = schema.Model.GetRootAs(content)
        places = [
            (b := model.Buffers(i))._tab.Vector(b._tab.Offset(4))
            for i in range(model.BuffersLength())
            if model.Buffers(i).DataLength()
        ]
        assert len(places) > 10
        assert {place % 16 for place in places} == {0}


def test_labels_written_afterwards_are_read_and_survive(workshop):
    labels = [f"class {i}" for i in range(10)]
    content = write_metadata(
        compact(workshop.int8("classic")),
        name="n", description="d", license_text="l", labels=labels, color="rgb", value_range=(0.0, 1.0),
    )  # fmt: skip
    assert read_tflite(content, "x").metadata.labels == tuple(labels)
    np.testing.assert_array_equal(run(content)[0], run(workshop.int8("classic"))[0])
    again = read_tflite(compact(content), "x")
    assert again.metadata.mean == (0.0,)


def test_shipped_and_foreign_files_too(shared):
    for path in (
        bundle.find("digits") / "int8.tflite",
        shared / "models" / "mlperf_tiny" / "pretrainedResnet_quant.tflite",
    ):
        content = path.read_bytes()
        np.testing.assert_array_equal(run(content)[0], run(compact(content))[0])
    assert len(compact(content)) < 0.9 * len(content)
