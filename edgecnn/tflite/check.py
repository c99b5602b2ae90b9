"""Checks a `.tflite` before anything else reads it: some damaged files crash LiteRT or make it hang.

The checks hold for every image classifier: indices, shapes, quantization, and the options of its operators.
They can't find every damage: see docs/safety.md.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.errors import ModelError
from edgecnn.tflite.flatbuffer import Flatbuffer, FlatbufferError, read_schema
from edgecnn.tflite.operator_check import LEVELS, OPTIONS_SCHEMA, check_operator, wrong

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_BYTES = 1 << 30
MOST_TABLES, MOST_VALUES = 50_000, 4_000_000
MOST_DIMENSIONS = 8
# Of one activation, and of all together.
MOST_TENSOR_BYTES, MOST_ACTIVATION_BYTES = 1 << 28, 1 << 30

# All tables that contain tables, so that the limits hold for every part; of the others, the fields in use.
_SCHEMA = OPTIONS_SCHEMA | read_schema("""
table Model { version:uint; operator_codes:[OperatorCode]; subgraphs:[SubGraph]; description:string;
  buffers:[Buffer]; metadata_buffer:[int]; metadata:[Metadata]; signature_defs:[SignatureDef];
  external_buffer_groups:[Named]; external_buffers:[ExternalBuffer]; }
table OperatorCode { deprecated_builtin_code:byte; custom_code:string; version:int = 1; builtin_code:int; }
table SubGraph { tensors:[Tensor]; inputs:[int]; outputs:[int]; operators:[Operator]; name:string; }
table Tensor { shape:[int]; type:byte; buffer:uint; name:string; quantization:Quantization; is_variable:bool;
  sparsity:Sparsity; shape_signature:[int]; has_rank:bool; variant_tensors:[VariantTensor];
  external_buffer:uint; }
table Quantization { min:[float]; max:[float]; scale:[float]; zero_point:[long]; details_type:ubyte;
  details:union; quantized_dimension:int; }
table Sparsity { traversal_order:[int]; block_map:[int]; dim_metadata:[SparseDimension]; }
table SparseDimension { format:byte; dense_size:int; }
table VariantTensor { shape:[int]; type:byte; has_rank:bool; }
table Operator { opcode_index:uint; inputs:[int]; outputs:[int]; options_type:ubyte; options:union;
  custom_options:[ubyte]; custom_options_format:byte; mutating_inputs:[bool]; intermediates:[int]; _; _; _;
  options_2:union; }
table Buffer { data:[ubyte]; offset:ulong; size:ulong; }
table Metadata { name:string; buffer:uint; }
table SignatureDef { inputs:[NamedTensor]; outputs:[NamedTensor]; key:string; _; subgraph:uint; }
table NamedTensor { name:string; tensor:uint; }
table Named { name:string; }
table ExternalBuffer { id:uint; group:uint; offset:ulong; length:ulong; packing:string; }
""")

# Bytes of one value, and how many values share a byte.
_BYTES = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "float16": 2, "bfloat16": 2, "int32": 4,
    "uint32": 4, "float32": 4, "int64": 8, "uint64": 8, "float64": 8, "complex64": 8, "complex128": 16,
}  # fmt: skip
_PACKED = {"int4": 2, "uint4": 2, "int2": 4}


def read_checked(data: bytes, operators: Mapping[int, str], types: Mapping[int, str]) -> Any:
    """Return a model file's tables, with the fields of the schema above.

    In addition, a tensor has a tuple as `shape`, `dtype` (the name of its type), `constant` (whether the file
    has its values) and `values` (if they are in the flatbuffer itself); an operator has `code`, its name in
    the schema.

    Parameters
    ----------
    operators, types
        The names of operators and of types by their numbers in LiteRT's schema.

    Raises
    ------
    FlatbufferError
        If the bytes are not such a flatbuffer, as in a damaged file.
    ModelError
        If they are, but with an impossible value; the message names the place.
    """
    if len(data) > MOST_BYTES:
        raise wrong("the file", f"{len(data):,} bytes", f"at most {MOST_BYTES:,}")
    file = Flatbuffer(data, _SCHEMA, MOST_TABLES, MOST_VALUES)
    model = file.root("Model")
    if not model.subgraphs:
        raise ModelError("holds no graph")
    if model.external_buffers or model.external_buffer_groups:
        raise ModelError("keeps weights in other files, expected all in this one")
    _check_references(model, len(data))
    codes = [_code_name(code, place, operators) for place, code in enumerate(model.operator_codes)]
    for graph in model.subgraphs:
        for place, tensor in enumerate(graph.tensors):
            _check_tensor(tensor, _called("tensor", place, tensor.name), types, model.buffers)
        activations = sum(t.bytes for t in graph.tensors if not t.constant)
        if activations > MOST_ACTIVATION_BYTES:
            raise wrong(
                "the activations' sum", f"{activations:,} bytes", f"at most {MOST_ACTIVATION_BYTES:,}"
            )
        _check_graph(graph, codes, file)
    return model


def _called(kind: str, place: int, name: bytes | None) -> str:
    return f"{kind} {place} ({(name or b'').decode('ascii', 'replace')[:60]!r})"


def _indices(values: Any, end: int, where: str, what: str, start: int = 0) -> list[int]:
    found: list[int] = values.tolist()
    if found and not start <= min(found) <= max(found) < end:
        bad = next(k for k in found if not start <= k < end)
        raise wrong(where, f"{what} {bad}", f"one of the {end} there are")
    return found


def _check_references(model: Any, size: int) -> None:
    buffers = len(model.buffers)
    for place, buffer in enumerate(model.buffers):
        if buffer.offset > 1 and buffer.offset + buffer.size > size:
            raise FlatbufferError(f"buffer {place} ends behind the file")
    for place, entry in enumerate(model.metadata):
        if entry.buffer >= buffers:
            raise wrong(
                f"metadata entry {place}", f"buffer {entry.buffer}", f"one of the {buffers} there are"
            )
    for place, signature in enumerate(model.signature_defs):
        where = f"signature {place}"
        if signature.subgraph >= len(model.subgraphs):
            raise wrong(where, f"graph {signature.subgraph}", f"one of the {len(model.subgraphs)} there are")
        tensors = len(model.subgraphs[signature.subgraph].tensors)
        for entry in (*signature.inputs, *signature.outputs):
            _text(entry.name, where)
            if entry.tensor >= tensors:
                raise wrong(where, f"tensor {entry.tensor}", f"one of the {tensors} there are")
        _text(signature.key, where)


def _text(raw: bytes | None, where: str) -> str:
    """Return a name, which terminals show and which LiteRT's Python code expects to be UTF-8."""
    try:
        text = (raw or b"").decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if not text.isprintable():
        raise wrong(where, f"the name {raw!r:.60}", "printable UTF-8")
    return text


def _code_name(code: Any, place: int, operators: Mapping[int, str]) -> str:
    # Files from before 2020 keep the code in the older, 8-bit field.
    number = max(code.builtin_code, code.deprecated_builtin_code)
    if number not in operators:
        raise wrong(f"operator code {place}", f"the number {number}", f"0 to {max(operators)}")
    _text(code.custom_code, f"operator code {place}")
    return operators[number]


def _check_tensor(tensor: Any, where: str, types: Mapping[int, str], buffers: Sequence[Any]) -> None:
    """Check one tensor, and set its `shape`, `dtype`, `bytes`, `constant` and `values`."""
    _text(tensor.name, where)
    if tensor.type not in types:
        raise wrong(where, f"the type {tensor.type}", f"0 to {max(types)}")
    if len(tensor.shape) > MOST_DIMENSIONS:
        raise wrong(where, f"{len(tensor.shape)} dimensions", f"at most {MOST_DIMENSIONS}")
    if tensor.buffer >= max(1, len(buffers)):
        raise wrong(where, f"buffer {tensor.buffer}", f"one of the {len(buffers)} there are")
    tensor.shape, tensor.dtype = tuple(tensor.shape.tolist()), types[tensor.type]
    if tensor.shape and min(tensor.shape) < 0:
        raise wrong(where, f"the shape {list(tensor.shape)}", "no dimension below 0")
    count = math.prod(tensor.shape)
    packed = _PACKED.get(tensor.dtype)
    tensor.bytes = -(-count // packed) if packed else count * _BYTES.get(tensor.dtype, 1)
    buffer = buffers[tensor.buffer] if tensor.buffer else None
    stored = 0 if buffer is None else buffer.size if buffer.offset > 1 else len(buffer.data)
    tensor.constant = stored > 0
    tensor.values = buffer.data if buffer is not None and len(buffer.data) else None
    if tensor.constant:
        # The size of text and sparse values does not follow from the shape.
        sized = tensor.sparsity is None and (packed or tensor.dtype in _BYTES)
        if sized and stored != tensor.bytes:
            shape = f"{list(tensor.shape)} of {tensor.dtype}"
            raise wrong(where, f"{stored:,} bytes of values", f"{tensor.bytes:,} for {shape}")
    elif tensor.bytes > MOST_TENSOR_BYTES:
        raise wrong(where, f"the shape {list(tensor.shape)}", f"at most {MOST_TENSOR_BYTES:,} bytes")
    if tensor.quantization is not None:
        _check_quantization(tensor, where)


def _check_quantization(tensor: Any, where: str) -> None:
    scale, zero_point = tensor.quantization.scale, tensor.quantization.zero_point
    if not len(scale):
        return
    if len(zero_point) not in (0, len(scale)):
        raise wrong(where, f"{len(scale)} scales and {len(zero_point)} zero points", "as many")
    if not np.isfinite(scale).all() or (tensor.dtype in LEVELS and not (scale > 0).all()):
        bad = next(s for s in scale.tolist() if not (math.isfinite(s) and s > 0))
        raise wrong(where, f"the scale {bad}", "a number above 0")
    if len(scale) > 1:
        axis = tensor.quantization.quantized_dimension
        if not 0 <= axis < len(tensor.shape) or tensor.shape[axis] != len(scale):
            shape = list(tensor.shape)
            raise wrong(where, f"{len(scale)} scales along dimension {axis} of {shape}", "one a channel")
    if tensor.dtype in LEVELS and len(zero_point):
        low, high = LEVELS[tensor.dtype]
        if zero_point.min() < low or zero_point.max() > high:
            bad = zero_point[(zero_point < low) | (zero_point > high)][0]
            raise wrong(where, f"the zero point {bad}", f"{low} to {high}")


def _check_graph(graph: Any, codes: list[str], file: Flatbuffer) -> None:
    """Check that each operator reads only known tensors, and writes tensors that nothing else writes."""
    tensors = graph.tensors
    _indices(graph.outputs, len(tensors), "the graph", "output")
    given = set(_indices(graph.inputs, len(tensors), "the graph", "input"))
    given |= {k for k, t in enumerate(tensors) if t.constant or t.is_variable or not t.bytes}
    for place, operator in enumerate(graph.operators):
        if operator.opcode_index >= len(codes):
            raise wrong(
                f"operator {place}", f"the code {operator.opcode_index}", f"one of the {len(codes)} there are"
            )
        operator.code = codes[operator.opcode_index]
        where = f"operator {place} ({operator.code})"
        operator.inputs = _indices(operator.inputs, len(tensors), where, "input", -1)
        operator.outputs = _indices(operator.outputs, len(tensors), where, "output")
        _indices(operator.intermediates, len(tensors), where, "intermediate", -1)
        unread = {*operator.inputs} - given - {-1}
        if unread:
            raise wrong(where, f"input {min(unread)}", "one that is given or was written before")
        given_twice = {*operator.outputs} & given
        if given_twice and any(tensors[k].bytes for k in given_twice):
            raise wrong(where, f"output {min(given_twice)}", "one that nothing else gives")
        given |= {*operator.outputs}
        check_operator(operator, where, [tensors[k] if k >= 0 else None for k in operator.inputs],
                        [tensors[k] for k in operator.outputs], file)  # fmt: skip
    missing = {*graph.outputs.tolist()} - given
    if missing:
        raise wrong("the graph", f"output {min(missing)}", "one that an operator writes")
