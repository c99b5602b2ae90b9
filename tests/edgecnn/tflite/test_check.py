"""Each kind of wrongness has its message; every real model passes."""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgecnn.bundle import bundle
from edgecnn.errors import ModelError
from edgecnn.tflite import check, metadata, writer
from edgecnn.tflite.file import read_tflite
from edgecnn.tflite.flatbuffer import Flatbuffer, FlatbufferError, read_schema
from tests.models import edited, shipped

SHIPPED = sorted(Path(bundle.__file__).parents[2].glob("firmware_models/*/*.tflite"))


def refused(data: bytes) -> str:
    with pytest.raises(ModelError) as error:
        read_tflite(data, "odd.tflite")
    message = str(error.value)
    assert message.startswith("odd.tflite")
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_shipped_models_pass(path):
    assert read_tflite(path.read_bytes(), path.name).graph


def test_third_party_models_pass(shared):
    for path in [*shared.glob("models/coral/*.tflite"), *shared.glob("models/mlperf_tiny/*.tflite")]:
        assert read_tflite(path.read_bytes(), path.name).graph
    assert len(read_tflite((shared / "models/odd/ssd_head.tflite").read_bytes(), "ssd").outputs) == 4


def tensor(graph, name):
    return next(t for t in graph.tensors if t.name == name.encode())


def options(key, value, place=0):
    return lambda model, graph: setattr(graph.operators[place].builtinOptions, key, value)


def scales(name, scale, zero_point=None):
    def edit(model, graph):
        quantization = tensor(graph, name).quantization
        quantization.scale = np.array(scale, np.float32)
        if zero_point is not None:
            quantization.zeroPoint = np.array(zero_point, np.int64)

    return edit


def shape(name, *sizes):
    return lambda model, graph: setattr(tensor(graph, name), "shape", np.array(sizes, np.int32))


def links(place, key, *indices):
    return lambda model, graph: setattr(graph.operators[place], key, np.array(indices, np.int32))


def drop_input(place, index):
    def edit(model, graph):
        inputs = np.array(graph.operators[place].inputs)
        inputs[index] = -1
        graph.operators[place].inputs = inputs

    return edit


def no_scale(model, graph):
    tensor(graph, "pool1").quantization = None


def code(number):
    def edit(model, graph):
        model.operatorCodes[0].builtinCode = number
        model.operatorCodes[0].deprecatedBuiltinCode = min(number, 127)

    return edit


def no_options(model, graph):
    graph.operators[0].builtinOptionsType, graph.operators[0].builtinOptions = 0, None


def short_weights(model, graph):
    buffer = model.buffers[tensor(graph, "conv1/kernel").buffer]
    buffer.data = np.asarray(buffer.data)[:-1]


def outside(model, graph):
    model.externalBuffers = [schema.ExternalBufferT()]


def reversed_order(model, graph):
    graph.operators.reverse()


def written_twice(model, graph):
    graph.operators.insert(1, graph.operators[0])


def no_graph(model, graph):
    model.subgraphs = []


def named(name):
    return lambda model, graph: setattr(graph.tensors[0], "name", name)


WRONG = {
    "no graph": (no_graph, "holds no graph"),
    "weights elsewhere": (outside, "keeps weights in other files, expected all in this one"),
    "a name of two lines": (named(b"a\nb"), "printable UTF-8"),
    "a name in no UTF-8": (named(b"\xff\xfe"), "printable UTF-8"),
    "negative size": (shape("pool1", 1, -13, 13, 32), "expected no dimension below 0"),
    "nine dimensions": (shape("pool1", *[1] * 9), "9 dimensions, expected at most 8"),
    "a huge tensor": (shape("pool1", 1, 2**15, 2**15, 32), "expected at most 268,435,456 bytes"),
    "a buffer that is none": (
        lambda model, graph: setattr(tensor(graph, "pool1"), "buffer", 999), "has buffer 999, expected"),
    "weights too short": (short_weights, "has 287 bytes of values, expected 288 for [32, 3, 3, 1]"),
    "no type": (lambda model, graph: setattr(tensor(graph, "pool1"), "type", 99), "the type 99, expected"),
    "a scale of zero": (scales("pool1", [0.0]), "has the scale 0.0, expected a number above 0"),
    "an infinite scale": (scales("pool1", [np.inf]), "has the scale inf"),
    "no number as scale": (scales("conv1/bias", [np.nan] * 32), "has the scale nan"),
    "scales that do not fit": (scales("conv1/kernel", [0.1] * 31, [0] * 31), "31 scales along dimension 0"),
    "fewer zero points": (scales("conv1/kernel", [0.1] * 32, [0] * 31), "32 scales and 31 zero points"),
    "a zero point out of range": (scales("pool1", [0.1], [200]), "the zero point 200, expected -128 to 127"),
    "no scale": (no_scale, "a tensor has no quantization scale"),
    "an operator of the future": (code(9999), "operator code 0 has the number 9999, expected 0 to"),
    "options of another operator": (code(49), "(SPLIT) has options of the kind 1, expected 35"),
    "no options": (no_options, "operator 0 (CONV_2D) has options of the kind 0, expected 1"),
    "a stride of zero": (options("strideW", 0), "(CONV_2D) has a stride of 1×0, expected 1 to 256"),
    "a long dilation": (options("dilationHFactor", 10**6), "has a dilation of 1000000×1, expected 1 to 256"),
    "a filter of zero": (options("filterHeight", 0, 1), "(MAX_POOL_2D) has a filter of 0×2, expected 1 to"),
    "a padding that is none": (options("padding", 7), "the padding 7, expected 0 (same) or 1 (valid)"),
    "no activation": (options("fusedActivationFunction", 99), "the activation 99, expected 0 to 5"),
    "no softness": (options("beta", float("nan"), 7), "operator 7 (SOFTMAX) has beta nan"),
    "another output": (shape("conv1", 1, 28, 28, 32), "output of [1, 28, 28, 32], expected [1, 26, 26, 32]"),
    "another dense output": (shape("dense1", 1, 65), "has an output of [1, 65], expected 64 values"),
    "an input that is none": (links(0, "inputs", 0, 9, 99), "has input 99, expected one of the 18 there are"),
    "an output that is none": (links(0, "outputs", -1), "has output -1, expected one of the"),
    "too few inputs": (links(0, "inputs", 0), "has 1 input and 1 output, expected at least 2 and 1"),
    "weights left out": (drop_input(0, 1), "has no input 1, expected only a bias left out"),
    "a pool of nothing": (drop_input(1, 0), "has no input 0, expected only a bias left out"),
    "the wrong order": (reversed_order, "expected one that is given or was written before"),
    "written twice": (written_twice, "expected one that nothing else gives"),
    "an opcode that is none": (
        lambda model, graph: setattr(graph.operators[0], "opcodeIndex", 77), "has the code 77, expected"),
    "an output that nothing writes": (
        lambda model, graph: graph.operators.pop(), "expected one that an operator writes"),
    "no graph input": (lambda model, graph: setattr(graph, "inputs", np.array([99])), "has input 99"),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(edit, message):
    assert message in refused(edited(shipped("digits"), edit))


def test_sums_of_numbers_that_are_too_far_apart_are_refused():
    def edit(model, graph):
        add = schema.BuiltinOperator.ADD
        codes = [c.builtinCode for c in model.operatorCodes]
        operator = next(o for o in graph.operators if codes[o.opcodeIndex] == add)
        graph.tensors[operator.inputs[0]].quantization.scale = np.array([1e9], np.float32)

    assert "(ADD) has scales of 1e+09 and" in refused(edited(shipped("cifar10"), edit))


def in_front(kind, *constant):
    """Put an operator in front of the network whose second input is a constant; 28×28 stays 28×28."""

    def edit(model, graph):
        inner = graph.inputs[0]
        first, sizes = schema.TensorT(), schema.TensorT()
        first.shape, first.name, first.type = graph.tensors[inner].shape, b"first", graph.tensors[inner].type
        first.quantization, first.buffer = graph.tensors[inner].quantization, 0
        values = schema.BufferT()
        values.data = np.frombuffer(np.array(constant, "<i4").tobytes(), np.uint8)
        model.buffers.append(values)
        sizes.shape, sizes.name = np.array(np.shape(constant), np.int32), b"sizes"
        sizes.type, sizes.buffer = schema.TensorType.INT32, len(model.buffers) - 1
        graph.tensors += [first, sizes]
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, kind)
        model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(model.operatorCodes) - 1
        operator.inputs = np.array([len(graph.tensors) - 2, len(graph.tensors) - 1], np.int32)
        operator.outputs = np.array([inner], np.int32)
        graph.operators.insert(0, operator)
        graph.inputs = np.array([len(graph.tensors) - 2], np.int32)

    return edit


@pytest.mark.parametrize(
    ("kind", "right", "wrong", "expected"),
    [
        ("PAD", [(0, 0)] * 4, [(0, 0), (0, 10_000), (0, 10_000), (0, 0)], "[1, 10028, 10028, 1]"),
        ("TILE", [1, 1, 1, 1], [1, 9, 1, 1], "[1, 252, 28, 1]"),
        ("RESIZE_BILINEAR", [28, 28], [20_000, 20_000], "[1, 20000, 20000, 1]"),
        ("RESIZE_NEAREST_NEIGHBOR", [28, 28], [-1, 28], "[1, -1, 28, 1]"),
    ],
)
def test_what_a_constant_sizes_is_what_is_written(kind, right, wrong, expected):
    assert read_tflite(edited(shipped("digits"), in_front(kind, *right)), "x").operators[0] == kind
    message = refused(edited(shipped("digits"), in_front(kind, *wrong)))
    assert f"({kind}) has an output of [[1, 28, 28, 1]], expected {expected}" in message


def test_a_bias_may_be_left_out():
    assert read_tflite(edited(shipped("digits"), drop_input(0, 2)), "x").graph[0].inputs == (0, 9)


def test_the_sum_of_the_activations_is_bounded(monkeypatch):
    monkeypatch.setattr(check, "MOST_ACTIVATION_BYTES", 1000)
    assert "the activations' sum has" in refused(shipped("digits"))


def test_files_that_are_too_large_are_refused(monkeypatch):
    monkeypatch.setattr(check, "MOST_BYTES", 1000)
    assert "expected at most 1,000" in refused(shipped("digits"))


def test_a_file_that_repeats_its_parts_without_end_is_refused():
    """A root and its list of graphs are put in front of a model; every graph is the model's own."""
    data, count = shipped("digits"), 100_000
    root = struct.unpack_from("<I", data)[0]
    fields = root - struct.unpack_from("<i", data, root)[0]
    field = root + struct.unpack_from("<H", data, fields + 8)[0]
    graphs = field + struct.unpack_from("<I", data, field)[0]
    graph = graphs + 4 + struct.unpack_from("<I", data, graphs + 4)[0]
    front = struct.pack("<I4s5HHiII", 20, b"TFL3", 10, 8, 0, 0, 4, 0, 12, 4, count)
    start = len(front) + 4 * count
    offsets = (start + graph - place for place in range(len(front), start, 4))
    message = refused(front + b"".join(struct.pack("<I", k) for k in offsets) + data)
    assert "more than 50,000 tables" in message


TREE = read_schema("table Node { children:[Node]; numbers:[int]; name:string; kind:byte = 7; }")


def node(children: int) -> bytes:
    """A root with a list of one and the same leaf."""
    leaf = struct.pack("<HHi", 4, 4, 4)  # a list of no fields, and behind it the table that points back to it
    start = 4 + 8 + 8 + 4 + 4 * children
    parts = struct.pack("<IHHHHiI", 12, 6, 8, 4, 0, 8, 4) + struct.pack("<I", children)
    return parts + b"".join(
        struct.pack("<I", start + 4 - (24 + 4 * k)) for k in range(children)
    ) + leaf  # fmt: skip


def test_tables_are_read_up_to_a_number():
    data = node(100)
    root = Flatbuffer(data, TREE, 101, 0).root("Node")
    assert len(root.children) == 100
    assert {leaf.kind for leaf in root.children} == {7}
    assert root.children[0].name is None
    with pytest.raises(FlatbufferError, match="more than 100 tables"):
        Flatbuffer(data, TREE, 100, 0).root("Node")


@pytest.mark.parametrize("end", range(0, 60, 7))
def test_cut_flatbuffers_are_refused(end):
    with pytest.raises(FlatbufferError):
        Flatbuffer(node(8)[:end], TREE, 100, 100).root("Node")


def test_hostile_offsets_are_refused():
    data = bytearray(node(8))
    for place in (0, 4, 12, 16, 20, 24):
        for value in (2**31, 2**32 - 1, 2**32 - 16):
            changed = data[:]
            struct.pack_into("<I", changed, place, value)
            with pytest.raises(FlatbufferError):
                Flatbuffer(bytes(changed), TREE, 100, 100).root("Node")


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    tail = io.BytesIO(writer.without_metadata(shipped("digits")))
    with zipfile.ZipFile(tail, "a", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return tail.getvalue()


def labels(data: bytes) -> tuple[str, ...] | None:
    return read_tflite(data, "x").metadata.labels


def test_labels_are_read_out_of_archives():
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        assert labels(packed({"labels.txt": b"a\nb\n"}, method)) == ("a", "b")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_can_unpack_to_anything_is_passed_over(method):
    assert labels(packed({"labels.txt": b"a\nb\n"}, method)) is None


def test_labels_larger_than_they_claim_are_passed_over():
    bomb = packed({"labels.txt": bytes(50 << 20)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 300_000
    assert labels(bomb) is None
    lying = bytearray(bomb)
    for signature, field in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", lying, bomb.rindex(signature) + field, 10)
    assert labels(bytes(lying)) is None


def test_archives_with_a_long_directory_are_passed_over(monkeypatch):
    data = packed({"labels.txt": b"a\nb\n"} | {f"{k}.bin": b"" for k in range(50)})
    assert labels(data) == ("a", "b")
    monkeypatch.setattr(metadata, "MAX_LABEL_BYTES", 2000)  # 51 entries take at least 46 bytes each
    assert labels(data) is None
