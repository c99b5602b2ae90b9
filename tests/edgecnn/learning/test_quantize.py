import cv2
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgecnn.errors import ModelError
from edgecnn.learning.quantize import measure_ranges, quantize
from edgecnn.tflite.builder import GraphBuilder, dense_options
from edgecnn.tflite.file import read_tflite
from edgecnn.tflite.quant import pixel_table
from edgecnn.tflite.writer import unpack_model
from tests.edgecnn.tflite.test_builder import PLAIN, XNNPACK, run
from tests.models import edited, operator, tensor
from tests.trunks import RANGE, inputs, photo, tiny_float, tiny_int8


def dense(weights, bias=None, twice=False):
    """A float dense layer; `twice` has another one after it, of the same constants."""
    graph = GraphBuilder()
    x = graph.tensor("x", (1, weights.shape[1]), "float32")
    constants = [graph.constant("w", weights.astype(np.float32))]
    if bias is not None:
        constants.append(graph.constant("b", np.asarray(bias, np.float32)))
    y = x
    for k in range(2 if twice else 1):
        y = graph.operator(
            "FULLY_CONNECTED",
            [y, *constants],
            graph.tensor(f"y{k}", (1, len(weights)), "float32"),
            dense_options(),
        )
    return graph.finish([x], [y], "dense")


def content(data, name):
    model = unpack_model(data)
    found = next(t for t in model.subgraphs[0].tensors if t.name == name.encode())
    kind = {schema.TensorType.INT8: np.int8, schema.TensorType.INT32: np.int32}[found.type]
    values = np.asarray(model.buffers[found.buffer].data, np.uint8).tobytes()
    return np.frombuffer(values, kind).reshape(found.shape), found.quantization


def test_a_dense_layer_by_hand():
    weights = np.array([[1.27, -0.64], [0, 0.005]])
    images = [np.array([[0.0, 2.55]], np.float32), np.array([[1.0, -0.1]], np.float32)]
    data = quantize(dense(weights, [0.5, -0.5]), images, (0.0, 2.55))
    steps, quantization = content(data, "w")
    np.testing.assert_array_equal(steps, [[127, -64], [0, 0]])  # 0.005 is half a step, and rounds to even
    assert quantization.scale.tolist() == pytest.approx([0.01])
    assert quantization.zeroPoint.tolist() == [0]
    bias, quantization = content(data, "b")
    # Its scale is 0.01 (the weights') times 0.01 (the input's, 2.55 / 255).
    assert quantization.scale.tolist() == pytest.approx([1e-4])
    np.testing.assert_array_equal(bias, [5000, -5000])
    file = read_tflite(data, "x")
    assert (file.inputs[0].scale, file.inputs[0].zero_point) == (pytest.approx(0.01), -128)
    # The outputs: 0.5 + 2.55 * −0.64 = −1.132 … 1.27 + 0.064 + 0.5 = 1.834.
    assert file.outputs[0].scale == pytest.approx((1.834 + 1.132) / 255, rel=1e-4)


def test_ranges_contain_zero_and_all_that_was_seen():
    data = dense(np.array([[2.0], [-3.0]]), [10, 0])
    file = read_tflite(data, "x")
    ranges = measure_ranges(data, [np.array([[v]], np.float32) for v in (1, 4)])
    assert ranges == {file.input_places[0]: (0.0, 4.0), file.output_places[0]: (-12.0, 18.0)}
    with pytest.raises(ModelError, match="no images for the calibration"):
        quantize(data, [], (0, 1))


def test_a_pixel_becomes_its_input_by_one_xor():
    entry = read_tflite(tiny_int8(), "x").inputs[0]
    table = pixel_table(RANGE, "int8", entry.scale, entry.zero_point)
    np.testing.assert_array_equal(table.view(np.uint8), np.arange(256, dtype=np.uint8) ^ 128)


def test_the_int8_network_is_integer_throughout_and_near_the_float_one():
    file = read_tflite(tiny_int8(), "x")
    assert file.float_tensors == ()
    assert {t.dtype for t in file.tensors if t.constant} == {"int8", "int32"}
    named = {t.name: t for t in file.tensors}
    assert named["stem/weights"].channels == 16, "a scale for each filter"
    assert named["depthwise/weights"].channels == 16
    assert named["classes/weights"].channels == 1
    assert (file.outputs[0].scale, file.outputs[0].zero_point) == (1 / 256, -128)
    entry = file.inputs[0]
    pooled, logits = (
        next(k for k, t in enumerate(file.tensors) if t.name == name) for name in ("embedding", "logits")
    )
    for image in inputs(4, seed=9):
        steps = np.clip(np.rint(image / entry.scale) + entry.zero_point, -128, 127).astype(np.int8)
        scores, *found = run(tiny_int8(), steps, PLAIN, [pooled, logits])
        (faster,) = run(tiny_int8(), steps, XNNPACK)
        _, *expected = run(tiny_float(), image, PLAIN, [pooled, logits])
        assert np.abs(scores.astype(int) - faster).max() <= 2
        for place, values, exact in zip((pooled, logits), found, expected, strict=True):
            scale, zero_point = file.tensors[place].scale, file.tensors[place].zero_point
            assert np.abs((values.astype(float) - zero_point) * scale - exact).max() < 4 * scale


def test_constants_that_two_operators_share_are_quantized_for_each():
    weights = np.array([[1.0, 0.5], [-0.25, 2.0]])
    images = [np.array([[a, b]], np.float32) for a, b in ((0, 1), (1, 0), (1, 1))]
    data = quantize(dense(weights, [0.3, -0.7], twice=True), images, (0.0, 1.0))
    image = np.array([[127, 127]], np.int8)
    file = read_tflite(data, "x")
    expected = weights @ (weights @ [1, 1] + [0.3, -0.7]) + [0.3, -0.7]
    for resolver in (PLAIN, XNNPACK):
        (found,) = run(data, image, resolver)
        real = (found[0].astype(float) - file.outputs[0].zero_point) * file.outputs[0].scale
        assert np.abs(real - expected).max() < 0.05


def test_a_layer_without_a_bias_and_a_bias_of_zero():
    data = quantize(dense(np.eye(2)), [np.array([[1, 0.5]], np.float32)], (0.0, 1.0))
    (found,) = run(data, np.array([[127, -128]], np.int8))
    np.testing.assert_array_equal(found, [[127, -128]])


def test_operators_that_are_not_known_are_refused():
    def add(model, graph):
        out = tensor(model, graph, "out", [1, 5])
        graph.operators.append(operator(model, "TANH", [int(graph.outputs[0])], [out]))
        graph.outputs = np.array([out], np.int32)

    with pytest.raises(ModelError, match="can't be quantized: TANH is not known here"):
        quantize(edited(tiny_float(), add), inputs(1), RANGE)


def test_a_constant_that_is_added_is_refused():
    """It would stay float32 in an integer network, which no interpreter runs."""

    def add(model, graph):
        other = tensor(model, graph, "half", [1, 5], values=np.full((1, 5), 0.5, "<f4"))
        out = tensor(model, graph, "out", [1, 5])
        graph.operators.append(
            operator(model, "ADD", [int(graph.outputs[0]), other], [out], schema.AddOptionsT())
        )
        graph.outputs = np.array([out], np.int32)

    with pytest.raises(ModelError, match="can't be quantized: half is a float32 constant that ADD reads"):
        quantize(edited(tiny_float(), add), inputs(1), RANGE)


def test_a_third_party_network_is_quantized(shared):
    """MLPerf Tiny's ResNet-8, whose pixels stay 0 to 255."""
    model = (shared / "models/mlperf_tiny/pretrainedResnet.tflite").read_bytes()
    rng = np.random.default_rng(0)
    images = [cv2.resize(photo(k % 5, rng), (32, 32))[None].astype(np.float32) for k in range(12)]
    data = quantize(model, images, (0.0, 255.0))
    assert read_tflite(data, "x").float_tensors == ()
    near = []
    for image in images:
        (expected,), (found,) = run(model, image), run(data, (image - 128).astype(np.int8))
        near.append(np.abs((found.astype(int) + 128) / 256 - expected).max())
    assert np.median(near) < 0.05
