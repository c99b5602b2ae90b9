"""Gives the tensors of a converted file short, readable names, and drops what nothing reads.

The converter names a tensor after every operation that went into it, with their whole paths; and it writes
the zero points of every channel, which are all 0, once for each tensor. Both together are an eighth of a
ResNet-8's int8 file: 98,496 bytes become 87,216 (MLPerf Tiny's).
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from edgecnn.tflite.names import METADATA_NAME
from edgecnn.tflite.writer import pack_model

_KEPT_METADATA = (METADATA_NAME.encode(), b"min_runtime_version")
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_ROLES = {1: "kernel", 2: "bias"}  # by their place among the inputs


def compact(content: bytes) -> bytes:
    """Return a `.tflite` whose answers are the same, bit for bit, in fewer bytes.

    Tensors are called after their layers (`conv1`, `conv1/kernel`, `stage2_add`); minimum and maximum of
    quantized tensors go (scale and zero point are what runs), as do the converter's notes about itself and
    empty buffers (they all become buffer 0, which the schema keeps for that). Scales, zero points,
    signatures, operator versions and the minimum runtime version stay. Metadata and labels inside stay;
    a ZIP archive behind the model does not, so write metadata afterwards.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    model.metadata = [m for m in model.metadata or [] if m.name in _KEPT_METADATA] or None
    for graph in model.subgraphs:
        for tensor, name in zip(graph.tensors, tensor_names(model, graph), strict=True):
            tensor.name = name.encode()
            if tensor.quantization is not None:
                tensor.quantization.min = tensor.quantization.max = None
    _drop_empty_buffers(model)
    return pack_model(model)


def tensor_names(model: Any, graph: Any) -> list[str]:
    """Return a short name for each tensor of a graph (of the schema's `ModelT`), each a different one."""
    found: dict[int, str] = {}
    for signature in model.signatureDefs or []:
        for entry in signature.inputs or []:
            found[int(entry.tensorIndex)] = entry.name.decode("utf-8", "replace")
    for raw in graph.operators or []:
        kind = operator_name(model, raw)
        inputs = [int(i) for i in raw.inputs if i >= 0]
        output = int(raw.outputs[0])
        weighted = kind in WEIGHTED and len(inputs) > 1
        # The kernel's name is the surest: a fused output is named after the activation or the bias too.
        layer = (
            (_layer(graph.tensors[inputs[1]].name) if weighted else "")
            or _layer(graph.tensors[output].name)
            or kind.lower()
        )
        for place, tensor in enumerate(inputs):
            if tensor not in found and model.buffers[graph.tensors[tensor].buffer].data is not None:
                role = _ROLES.get(place, "constant") if weighted else "constant"
                found[tensor] = f"{layer}/{role}"
        for tensor in raw.outputs:
            found.setdefault(int(tensor), layer)
    names: list[str] = []
    taken: set[str] = set()
    for i, tensor in enumerate(graph.tensors):
        name = base = found.get(i) or _layer(tensor.name) or f"tensor{i}"
        copies = 1
        while name in taken:
            copies += 1
            name = f"{base}_{copies}"
        taken.add(name)
        names.append(name)
    return names


def operator_name(model: Any, raw: Any) -> str:
    """Return the name of an operator (of the schema's `OperatorT`), such as `CONV_2D`."""
    from ai_edge_litert import schema_py_generated as schema

    code = model.operatorCodes[raw.opcodeIndex]
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return str(next(k for k, v in vars(schema.BuiltinOperator).items() if v == number and k[0] != "_"))


def _layer(name: bytes | None) -> str:
    """Find the layer in a converter's name: `net_1/conv1_act_1/Relu;net_1/conv1_1/BiasAdd` → `conv1`.

    The operation with weights is the layer's own, else the last one that is no padding and no constant; the
    activation comes first. Keras numbers the model and its layers alike when it exports, so the model's
    number is taken from the layer.
    """
    text = (name or b"").decode("utf-8", "replace")
    whole = [p.split("/") for p in text.split(";") if "/" in p]
    weighted = [p for p in whole if p[-1].startswith(("conv", "depthwise", "MatMul"))]
    parts = weighted or [p for p in whole if not p[-1].startswith(("Pad", "ReadVariableOp"))] or whole
    if not parts:
        return text if re.fullmatch(r"\w+", text) else ""
    if len(parts[-1]) == 2:  # a short name already
        return parts[-1][0]
    network, layer = parts[-1][:2]
    number = re.search(r"_\d+$", network)
    return layer.removesuffix(number[0]) if number else layer


def _drop_empty_buffers(model: Any) -> None:
    places = {0: 0}
    kept = [model.buffers[0]]
    for i, buffer in enumerate(model.buffers[1:], 1):
        empty = buffer.data is None or np.size(buffer.data) == 0
        if not empty or buffer.offset > 1:
            places[i] = len(kept)
            kept.append(buffer)
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            tensor.buffer = places.get(tensor.buffer, 0)
    for entry in model.metadata or []:
        entry.buffer = places.get(entry.buffer, 0)
    model.buffers = kept
