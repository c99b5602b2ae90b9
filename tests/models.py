"""Other people's kinds of models, made from the shipped ones by editing their graphs."""

import hashlib
import json
import shutil

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from edgecnn.bundle import find
from edgecnn.tflite_writer import pack_model


def shipped(name, variant="int8"):
    return (find(name) / f"{variant}.tflite").read_bytes()


def edited(data, edit):
    """Return a model after `edit(model, graph)`, without its metadata and labels."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data))
    model.metadata = []
    edit(model, model.subgraphs[0])
    return pack_model(model)


def image_tensor(graph):
    return graph.tensors[graph.inputs[0]]


def quantized(data, scale, zero_point, dtype="INT8"):
    """Say that the input stands for other numbers."""

    def edit(_, graph):
        image = image_tensor(graph)
        image.type = getattr(schema.TensorType, dtype)
        image.quantization.scale = np.array([scale], np.float32)
        image.quantization.zeroPoint = np.array([zero_point], np.int64)

    return edited(data, edit)


def channels_first(data):
    """Put a transposition in front, so that the same network takes 1×C×H×W."""

    def edit(model, graph):
        inner = graph.inputs[0]
        image = graph.tensors[inner]
        outer = schema.TensorT()
        _, height, width, channels = image.shape
        outer.shape = np.array([1, channels, height, width], np.int32)
        outer.type, outer.name, outer.buffer = image.type, b"channels_first", 0
        outer.quantization = image.quantization
        permutation = schema.BufferT()
        permutation.data = np.frombuffer(np.array([0, 2, 3, 1], "<i4").tobytes(), np.uint8)
        model.buffers.append(permutation)
        order = schema.TensorT()
        order.shape, order.type = np.array([4], np.int32), schema.TensorType.INT32
        order.name, order.buffer = b"permutation", len(model.buffers) - 1
        graph.tensors += [outer, order]
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.TRANSPOSE
        model.operatorCodes.append(code)
        transpose = schema.OperatorT()
        transpose.opcodeIndex = len(model.operatorCodes) - 1
        transpose.inputs = np.array([len(graph.tensors) - 2, len(graph.tensors) - 1], np.int32)
        transpose.outputs = np.array([inner], np.int32)
        graph.operators.insert(0, transpose)
        graph.inputs = np.array([len(graph.tensors) - 2], np.int32)

    return edited(data, edit)


def without_softmax(data):
    """Cut the last softmax off, so that the network gives logits."""

    def edit(model, graph):
        last = graph.operators.pop()
        assert model.operatorCodes[last.opcodeIndex].builtinCode == schema.BuiltinOperator.SOFTMAX
        graph.outputs = np.array(last.inputs[:1], np.int32)

    return edited(data, edit)


def answering_nan(data):
    """Make every answer of a float model NaN: each bias of its dense layers is."""

    def edit(model, graph):
        for op in graph.operators:
            if model.operatorCodes[op.opcodeIndex].builtinCode == schema.BuiltinOperator.FULLY_CONNECTED:
                bias = graph.tensors[op.inputs[2]]
                values = np.full(int(np.prod(bias.shape)), np.nan, "<f4")
                model.buffers[bias.buffer].data = np.frombuffer(values.tobytes(), np.uint8)

    return edited(data, edit)


def nan_bundle(folder, name="digits"):
    """Copy a bundle below a folder, with a float32 variant that answers NaN; return where it is."""
    target = folder / f"nan-{name}"
    shutil.copytree(find(name), target)
    data = answering_nan(shipped(name, "float32"))
    (target / "float32.tflite").write_bytes(data)
    manifest = json.loads((target / "bundle.json").read_text())
    manifest["variants"]["float32"] |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (target / "bundle.json").write_text(json.dumps(manifest))
    return target


def compiled(data, min_runtime_version=13, on_cpu=0):
    """Return a model as the Edge TPU's compiler would leave it: one custom operator in place of the others.

    The last `on_cpu` operators stay. The custom operator holds a Package as the device's library expects it,
    with the version that it needs and nothing to run.
    """

    def edit(model, graph):
        kept = graph.operators[len(graph.operators) - on_cpu :]
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        code.customCode = b"edgetpu-custom-op"
        model.operatorCodes.append(code)
        custom = schema.OperatorT()
        custom.opcodeIndex = len(model.operatorCodes) - 1
        custom.inputs = np.array(graph.inputs, np.int32)
        custom.outputs = np.array(kept[0].inputs[:1] if kept else graph.outputs, np.int32)
        custom.customOptions = np.frombuffer(flexbuffers.Dumps({"4": package(min_runtime_version)}), np.uint8)
        graph.operators = [custom, *kept]

    return edited(data, edit)


def package(min_runtime_version):
    """Return the flatbuffer that a compiled operator holds, without anything to run."""
    builder = flatbuffers.Builder(64)
    builder.StartObject(8)
    builder.PrependInt32Slot(0, min_runtime_version, 0)
    builder.Finish(builder.EndObject(), file_identifier=b"DWN1")
    return bytes(builder.Output())
