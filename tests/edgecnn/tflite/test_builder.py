import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edgecnn.tflite.builder import GraphBuilder, Quantization, dense_options, l2_options, reshape_options
from edgecnn.tflite.cut import cut_graph
from edgecnn.tflite.file import read_tflite
from edgecnn.tflite.writer import pack_model, unpack_model, write_metadata
from tests.models import shipped
from tests.trunks import RANGE, inputs, tiny_float, tiny_int8

XNNPACK, PLAIN = OpResolverType.AUTO, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def run(data, image, resolver=PLAIN, tensors=()):
    """Return the outputs of a model, and the content of other tensors."""
    interpreter = Interpreter(
        model_content=data,
        experimental_op_resolver_type=resolver,
        experimental_preserve_all_tensors=bool(tensors),
    )
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]["index"]
    interpreter.set_tensor(entry, image)
    interpreter.invoke()
    outputs = [interpreter.get_tensor(o["index"]).copy() for o in interpreter.get_output_details()]
    return outputs + [interpreter.get_tensor(k).copy() for k in tensors]


def place_of(data, name):
    return next(k for k, t in enumerate(read_tflite(data, "x").tensors) if t.name == name)


def pixels(seed=0):
    return np.random.default_rng(seed).integers(-128, 128, (1, 32, 32, 3), np.int8)


def test_a_dense_layer_computes_its_formula():
    graph = GraphBuilder()
    x = graph.tensor("x", (1, 3), "float32")
    weights, bias = np.array([[1, 2, 3], [0, -1, 0.5]], np.float32), np.array([10, 20], np.float32)
    y = graph.operator(
        "FULLY_CONNECTED",
        [x, graph.constant("w", weights), graph.constant("b", bias)],
        graph.tensor("y", (1, 2), "float32"),
        dense_options(),
    )
    z = graph.operator("L2_NORMALIZATION", [y], graph.tensor("z", (1, 2), "float32"), l2_options())
    data = graph.finish([x], [y, z], "a test")
    for resolver in (XNNPACK, PLAIN):
        found, length_one = run(data, np.array([[1, 1, 2]], np.float32), resolver)
        np.testing.assert_allclose(found, [[19, 20]])
        np.testing.assert_allclose(length_one, found / np.hypot(19, 20), rtol=1e-6)
    file = read_tflite(data, "x")
    assert (file.operators, file.macs) == (("FULLY_CONNECTED", "L2_NORMALIZATION"), 6)
    assert [t.constant for t in file.tensors] == [False, True, True, False, False]
    assert unpack_model(data).description == b"a test"


def test_a_tensor_is_described_as_it_was_added():
    graph = GraphBuilder(int8=True)
    own = Quantization(np.array([0.5, 0.25], np.float32), np.array([0, 0], np.int64), 1)
    k = graph.tensor("x", (1, 2), "int8", own)
    assert (graph.shape(k), graph.dtype(k)) == ((1, 2), "int8")
    assert graph.quantization(k).scale.tolist() == [0.5, 0.25]
    with pytest.raises(KeyError):
        graph.constant("x", np.zeros(1, np.float64))
    with pytest.raises(KeyError):
        graph.operator("GATHER", [k], k)


@pytest.mark.parametrize("variant", ["int8", "float32"])
@pytest.mark.parametrize("name", ["stem", "add", "embedding", "logits"])
def test_a_cut_network_computes_its_tensor_as_the_whole_one(variant, name):
    data = tiny_int8() if variant == "int8" else tiny_float()
    image = pixels() if variant == "int8" else next(inputs(1))
    place = place_of(data, name)
    expected = run(data, image, tensors=[place])[-1]
    builder, at = GraphBuilder.onto(data, place)
    assert builder.dtype(at) == variant
    cut = builder.finish(builder.inputs, [at], "cut")
    for resolver in (XNNPACK, PLAIN):
        (found,) = run(cut, image, resolver)
        if variant == "int8":
            assert np.abs(found.astype(int) - expected).max() <= (resolver is XNNPACK)
        else:
            np.testing.assert_allclose(found, expected, atol=1e-5)


def test_unused_tensors_buffers_operators_and_metadata_are_dropped():
    labelled = write_metadata(
        tiny_int8(), name="n", description="d", license_text="l", labels=list("abcde"), color="rgb",
        value_range=RANGE,
    )  # fmt: skip
    model = cut_graph(unpack_model(labelled), [place_of(labelled, "add")])
    graph = model.subgraphs[0]
    names = {t.name.decode() for t in graph.tensors}
    assert names == {
        "image", "stem", "stem/weights", "stem/bias",
        "depthwise", "depthwise/weights", "depthwise/bias", "add",
    }  # fmt: skip
    assert len(model.buffers) == 1 + 4, "the empty one, two kernels and two biases"
    assert not model.metadata
    data = pack_model(model)
    file = read_tflite(data, "x")
    assert file.operators == ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD")
    assert [t.name for t in file.outputs] == ["add"]
    assert len(unpack_model(data).operatorCodes) == 3
    assert len(data) < len(labelled)


def test_further_graphs_are_dropped():
    model = unpack_model(tiny_float())
    model.subgraphs.append(unpack_model(tiny_float()).subgraphs[0])
    data = pack_model(model)
    builder, at = GraphBuilder.onto(data, place_of(data, "embedding"))
    image = next(inputs(1))
    (found,) = run(builder.finish(builder.inputs, [at], "cut"), image)
    expected = run(tiny_float(), image, tensors=[place_of(tiny_float(), "embedding")])[-1]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_two_tensors_become_outputs_in_their_order():
    data = tiny_float()
    wanted = [place_of(data, "logits"), place_of(data, "stem")]
    image = next(inputs(1))
    found = run(pack_model(cut_graph(unpack_model(data), wanted)), image)
    expected = run(data, image, tensors=wanted)[1:]
    assert [f.shape for f in found] == [(1, 5), (1, 16, 16, 16)]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_network_can_be_continued():
    data = shipped("digits")
    place = read_tflite(data, "x").output_places[0]
    builder, at = GraphBuilder.onto(data, place, int8=True)
    shape = (10, 1)
    row = builder.operator(
        "RESHAPE",
        [at, builder.constant("shape", np.array(shape, np.int32))],
        builder.tensor("column", shape, builder.dtype(at), builder.quantization(at)),
        reshape_options(shape),
    )
    continued = builder.finish(builder.inputs, [row, at], "more")
    entry = read_tflite(data, "x").inputs[0]
    image = np.random.default_rng(1).integers(-128, 128, entry.shape, np.int8)
    column, scores = run(continued, image)
    (expected,) = run(data, image)
    np.testing.assert_array_equal(scores, expected)
    np.testing.assert_array_equal(column, expected.reshape(10, 1))
    assert read_tflite(continued, "x").outputs[0].scale == read_tflite(data, "x").outputs[0].scale
