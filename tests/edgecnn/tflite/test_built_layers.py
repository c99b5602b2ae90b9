"""Graphs that are built step by step answer as the arithmetic says."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edgecnn.tflite.builder import (
    GraphBuilder,
    Quantization,
    add_options,
    conv_options,
    dense_options,
    l2_options,
    mean_options,
    reshape_options,
    softmax_options,
)
from edgecnn.tflite.file import read_tflite


def run(data, values):
    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def one(scale, zero_point=0):
    return Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64))


def test_a_vector_is_divided_by_its_length():
    build = GraphBuilder()
    x = build.tensor("x", (1, 2), "float32")
    unit = build.operator("L2_NORMALIZATION", [x], build.tensor("unit", (1, 2), "float32"), l2_options())
    (found,) = run(build.finish([x], [unit], "unit"), np.array([[3, -4]], np.float32))
    assert found.tolist() == [[pytest.approx(0.6), pytest.approx(-0.8)]]


def test_an_int8_vector_too_in_steps_of_128():
    build = GraphBuilder(int8=True)
    x = build.tensor("x", (1, 2), "int8", one(0.5, -10))
    unit = build.operator(
        "L2_NORMALIZATION", [x], build.tensor("unit", (1, 2), "int8", one(1 / 128)), l2_options()
    )
    (found,) = run(build.finish([x], [unit], "unit"), np.array([[-4, -18]], np.int8))  # 3 and −4
    assert found.tolist() == [[77, -102]]  # 0.6 · 128 = 76.8 and −0.8 · 128 = −102.4


def test_layers_in_a_row_are_their_products():
    build = GraphBuilder()
    image = build.tensor("image", (1, 2, 2, 1), "float32")
    kernel = build.constant("kernel", np.array([[[[2]]], [[[-1]]]], np.float32))  # two channels, 1×1
    bias = build.constant("bias", np.array([0, 1], np.float32))
    maps = build.tensor("maps", (1, 2, 2, 2), "float32")
    build.operator("CONV_2D", [image, kernel, bias], maps, conv_options(1, "relu"))
    twice = build.operator("ADD", [maps, maps], build.tensor("twice", (1, 2, 2, 2), "float32"), add_options())
    axes = build.constant("axes", np.array([1, 2], np.int32))
    mean = build.operator("MEAN", [twice, axes], build.tensor("mean", (1, 2), "float32"), mean_options())
    weights = build.constant("weights", np.array([[1, 0], [0, 1], [1, 1]], np.float32))
    dense = build.operator(
        "FULLY_CONNECTED", [mean, weights], build.tensor("dense", (1, 3), "float32"), dense_options()
    )
    scores = build.operator("SOFTMAX", [dense], build.tensor("scores", (1, 3), "float32"), softmax_options())
    data = build.finish([image], [dense, scores], "layers")
    assert read_tflite(data, "built").operators == ("CONV_2D", "ADD", "MEAN", "FULLY_CONNECTED", "SOFTMAX")
    found, shares = run(data, np.array([[[[0], [1]], [[2], [3]]]], np.float32))
    # 2·x is 0, 2, 4, 6: the mean of twice that is 6; 1 − x is 1, 0, −1, −2, of which 1 stays: 0.5.
    assert found.tolist() == [[6, 0.5, 6.5]]
    powers = np.exp(found - found.max())
    assert shares == pytest.approx(powers / powers.sum())


def test_a_graph_continues_another_one_from_a_tensor_of_it():
    build = GraphBuilder()
    x = build.tensor("x", (1, 2), "float32")
    weights = build.constant("weights", np.array([[2, 0], [0, 3]], np.float32))
    hidden = build.operator(
        "FULLY_CONNECTED", [x, weights], build.tensor("hidden", (1, 2), "float32"), dense_options()
    )
    last = build.operator("SOFTMAX", [hidden], build.tensor("last", (1, 2), "float32"), softmax_options())
    whole = build.finish([x], [last], "whole")
    place = [t.name for t in read_tflite(whole, "whole").tensors].index("hidden")
    more, at = GraphBuilder.onto(whole, place)
    assert (more.shape(at), more.dtype(at)) == ((1, 2), "float32")
    column = more.tensor("column", (2, 1), "float32")
    shape = more.constant("shape", np.array([2, 1], np.int32))
    more.operator("RESHAPE", [at, shape], column, reshape_options((2, 1)))
    data = more.finish(more.inputs, [column], "continued")
    assert read_tflite(data, "continued").operators == ("FULLY_CONNECTED", "RESHAPE")
    (found,) = run(data, np.array([[5, 7]], np.float32))
    assert found.tolist() == [[10], [21]]
