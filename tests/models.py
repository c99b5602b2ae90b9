"""Other people's kinds of models, made from the shipped ones by editing their graphs."""

import hashlib
import json
import shutil

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from edgecnn.bundle.bundle import find
from edgecnn.tflite.writer import pack_model


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
        first = len(graph.operators) - on_cpu
        gone, kept = graph.operators[:first], graph.operators[first:]
        needed = {*graph.outputs, *(i for o in kept for i in o.inputs)}
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
        code.customCode = b"edgetpu-custom-op"
        model.operatorCodes.append(code)
        custom = schema.OperatorT()
        custom.opcodeIndex = len(model.operatorCodes) - 1
        custom.inputs = np.array(graph.inputs, np.int32)
        custom.outputs = np.array([i for o in gone for i in o.outputs if i in needed], np.int32)
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


def tensor(model, graph, name, shape, dtype="FLOAT32", *, values=None, scale=None, zero_point=0):
    """Add a tensor, a constant where there are values, and return its place."""
    added = schema.TensorT()
    added.shape, added.type = np.array(shape, np.int32), getattr(schema.TensorType, dtype)
    added.name, added.buffer = name.encode(), 0
    if scale is not None:
        added.quantization = schema.QuantizationParametersT()
        added.quantization.scale = np.array([scale], np.float32)
        added.quantization.zeroPoint = np.array([zero_point], np.int64)
    if values is not None:
        held = schema.BufferT()
        held.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        model.buffers.append(held)
        added.buffer = len(model.buffers) - 1
    graph.tensors.append(added)
    return len(graph.tensors) - 1


def operator(model, name, inputs, outputs, options=None, custom=None):
    """Return an operator; its options are a table of the schema's own kind, such as `SoftmaxOptionsT()`."""
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.customCode, code.version = custom, 1
    model.operatorCodes.append(code)
    made = schema.OperatorT()
    made.opcodeIndex = len(model.operatorCodes) - 1
    made.inputs, made.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
    if options is not None:
        made.builtinOptions = options
        made.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
    return made


def followed(data, add):
    """Let `add(model, graph, output)` append operators, and give its result as the model's only output."""

    def edit(model, graph):
        graph.outputs = np.array([add(model, graph, int(graph.outputs[0]))], np.int32)

    return edited(data, edit)


def like(model, graph, place, name, shape):
    """Add a tensor of another shape, of the same type and quantization."""
    twin = graph.tensors[place]
    at = tensor(model, graph, name, shape)
    graph.tensors[at].type, graph.tensors[at].quantization = twin.type, twin.quantization
    return at


def _stepwise(model, graph, scores):
    """What Keras leaves of a reshape with an open batch: SHAPE, STRIDED_SLICE, PACK, RESHAPE, SQUEEZE."""
    classes = int(graph.tensors[scores].shape[-1])
    shape = tensor(model, graph, "shape", [2], "INT32")
    begin, end, one, many = (
        tensor(model, graph, n, [1] if n != "many" else [], "INT32", values=np.array(v, "<i4"))
        for n, v in (("begin", [0]), ("end", [1]), ("one", [1]), ("many", classes))
    )
    batch = tensor(model, graph, "batch", [], "INT32")
    packed = tensor(model, graph, "packed", [3], "INT32")
    thick = like(model, graph, scores, "thick", [1, 1, classes])
    flat = like(model, graph, scores, "flat", [1, classes])
    sliced = schema.StridedSliceOptionsT()
    sliced.shrinkAxisMask = 1
    pack, squeeze = schema.PackOptionsT(), schema.SqueezeOptionsT()
    pack.valuesCount, squeeze.squeezeDims = 3, [1]
    unit = tensor(model, graph, "unit", [], "INT32", values=np.array(1, "<i4"))
    out_type = schema.ShapeOptionsT()
    out_type.outType = schema.TensorType.INT32
    graph.operators += [
        operator(model, "SHAPE", [scores], [shape], out_type),
        operator(model, "STRIDED_SLICE", [shape, begin, end, one], [batch], sliced),
        operator(model, "PACK", [batch, unit, many], [packed], pack),
        operator(model, "RESHAPE", [scores, packed], [thick], schema.ReshapeOptionsT()),
        operator(model, "SQUEEZE", [thick], [flat], squeeze),
    ]
    return flat


def _clipped(model, graph, scores):
    shape = graph.tensors[scores].shape
    low = tensor(model, graph, "low", [], values=np.array(1e-7, "<f4"))
    high = tensor(model, graph, "high", [], values=np.array(1, "<f4"))
    above, clipped = (like(model, graph, scores, n, shape) for n in ("above", "clipped"))
    graph.operators += [
        operator(model, "MAXIMUM", [scores, low], [above], schema.MaximumMinimumOptionsT()),
        operator(model, "MINIMUM", [above, high], [clipped], schema.MaximumMinimumOptionsT()),
    ]
    return clipped


def _averaged(model, graph, scores):
    """The mean of two views, here of the same one."""
    classes = int(graph.tensors[scores].shape[-1])
    views = like(model, graph, scores, "views", [2, classes])
    axis = tensor(model, graph, "axis", [1], "INT32", values=np.array([0], "<i4"))
    mean = like(model, graph, scores, "mean", [1, classes])
    join, keep = schema.ConcatenationOptionsT(), schema.ReducerOptionsT()
    keep.keepDims = True
    graph.operators += [
        operator(model, "CONCATENATION", [scores, scores], [views], join),
        operator(model, "MEAN", [views, axis], [mean], keep),
    ]
    return mean


def _ensemble(model, graph, scores):
    """The mean of two as Keras' Average writes it: ADD, then MUL by a half."""
    shape = graph.tensors[scores].shape
    half = tensor(model, graph, "half", [], values=np.array(0.5, "<f4"))
    total, mean = (like(model, graph, scores, n, shape) for n in ("total", "ensemble"))
    graph.operators += [
        operator(model, "ADD", [scores, scores], [total], schema.AddOptionsT()),
        operator(model, "MUL", [total, half], [mean], schema.MulOptionsT()),
    ]
    return mean


AFTER_SOFTMAX = {"stepwise": _stepwise, "clipped": _clipped, "averaged": _averaged, "ensemble": _ensemble}


def sigmoid(data, values, first=0):
    """Put a sigmoid of the first logits, or of those from `first` on, in the place of the softmax."""

    def add(model, graph, logits):
        taken = logits
        if values < graph.tensors[logits].shape[-1]:
            taken = like(model, graph, logits, "taken", [1, values])
            parts = [
                tensor(model, graph, n, [2], "INT32", values=np.array(v, "<i4"))
                for n, v in (("begin", [0, first]), ("size", [1, values]))
            ]
            graph.operators.append(
                operator(model, "SLICE", [logits, *parts], [taken], schema.SliceOptionsT())
            )
        scores = tensor(model, graph, "sigmoid", [1, values])
        if graph.tensors[logits].type != schema.TensorType.FLOAT32:
            graph.tensors[scores] = graph.tensors[tensor(
                model, graph, "sigmoid", [1, values], "INT8", scale=1 / 256, zero_point=-128
            )]  # fmt: skip
        graph.operators.append(operator(model, "LOGISTIC", [taken], [scores]))
        return scores

    return followed(without_softmax(data), add)


def preceded(data, name, shape, dtype="FLOAT32", *, options=None, constant=None, scale=None, zero_point=0):
    """Put an operator in front, whose input is the model's new input."""

    def edit(model, graph):
        inner = int(graph.inputs[0])
        outer = tensor(model, graph, "outer", shape, dtype, scale=scale, zero_point=zero_point)
        others = [] if constant is None else [
            tensor(model, graph, "constant", np.shape(constant), "INT32", values=np.array(constant, "<i4"))
        ]  # fmt: skip
        graph.operators.insert(0, operator(model, name, [outer, *others], [inner], options))
        graph.inputs = np.array([outer], np.int32)

    return edited(data, edit)


def reshaped(data, shape):
    """Let an image come in another shape, such as [1, 784]."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data))
    image = image_tensor(model.subgraphs[0])
    kind = {schema.TensorType.FLOAT32: "FLOAT32", schema.TensorType.INT8: "INT8"}[image.type]
    quantization = image.quantization
    scale = None if kind == "FLOAT32" else float(quantization.scale[0])
    zero_point = 0 if kind == "FLOAT32" else int(quantization.zeroPoint[0])
    return preceded(
        data, "RESHAPE", shape, kind, options=schema.ReshapeOptionsT(), constant=list(image.shape),
        scale=scale, zero_point=zero_point,
    )  # fmt: skip


def raw_pixels(data):
    """Let a float model take uint8 without a scale: CAST to float, and MUL by 1/255."""

    def edit(model, graph):
        inner = int(graph.inputs[0])
        shape = graph.tensors[inner].shape
        outer, cast = tensor(model, graph, "raw", shape, "UINT8"), tensor(model, graph, "cast", shape)
        scale = tensor(model, graph, "scale", [], values=np.array(1 / 255, "<f4"))
        options = schema.CastOptionsT()
        options.inDataType, options.outDataType = schema.TensorType.UINT8, schema.TensorType.FLOAT32
        graph.operators[:0] = [
            operator(model, "CAST", [outer], [cast], options),
            operator(model, "MUL", [cast, scale], [inner], schema.MulOptionsT()),
        ]
        graph.inputs = np.array([outer], np.int32)

    return edited(data, edit)


def float_edges(data):
    """Put a QUANTIZE in front of an int8 network and a DEQUANTIZE behind it: float in and out."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data))
    shape = list(image_tensor(model.subgraphs[0]).shape)
    return dequantized(preceded(data, "QUANTIZE", shape, options=schema.QuantizeOptionsT()))


def dequantized(data):
    """Let a model give floats."""

    def add(model, graph, scores):
        real = tensor(model, graph, "real", graph.tensors[scores].shape)
        graph.operators.append(operator(model, "DEQUANTIZE", [scores], [real], schema.DequantizeOptionsT()))
        return real

    return followed(data, add)


def several_outputs(data):
    """Give the logits too, in front of the scores."""

    def edit(model, graph):
        graph.outputs = np.array([graph.operators[-1].inputs[0], graph.outputs[0]], np.int32)

    return edited(data, edit)


def open_size(data):
    """Leave height and width open, as a converter does it: 1 in the shapes, -1 in their signatures."""

    def edit(_, graph):
        for at in {k for op in graph.operators for k in (*op.inputs, *op.outputs) if k >= 0}:
            held = graph.tensors[at]
            if len(held.shape) == 4 and held.buffer in _empty_buffers(_):
                channels = held.shape[3]
                held.shape = np.array([1, 1, 1, channels], np.int32)
                held.shapeSignature = np.array([-1, -1, -1, channels], np.int32)

    return edited(data, edit)


def _empty_buffers(model):
    return {k for k, held in enumerate(model.buffers) if held.data is None or not len(held.data)}


def vela(data):
    """Return a model as Vela leaves it: one custom operator of the Ethos-U, and where activations lie."""
    content = compiled(data)

    def edit(model, graph):
        code = next(c for c in model.operatorCodes if c.customCode == b"edgetpu-custom-op")
        code.customCode = b"ethos-u"
        entry, plan = schema.MetadataT(), schema.BufferT()
        plan.data = np.frombuffer(b"\1\0\0\0\0\0\0\0", np.uint8)
        model.buffers.append(plan)
        entry.name, entry.buffer = b"OfflineMemoryAllocation", len(model.buffers) - 1
        model.metadata.append(entry)

    return edited(content, edit)
