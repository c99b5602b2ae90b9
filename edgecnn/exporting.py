"""Models for other programs: with standard metadata, with uint8 in and out, as C source."""

from __future__ import annotations

import hashlib
import re
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.errors import ModelError
from edgecnn.tflite_writer import pack_model, unpack_model, without_metadata, write_metadata

if TYPE_CHECKING:
    from edgecnn.bundle import Model

# int8 and uint8 of the same real value are this far apart, and so are their zero points.
_SIGN = 128
_COLUMNS = 100


def with_metadata(model: Model) -> bytes:
    """Return the `.tflite` with its labels and its normalization inside, as other programs look for them.

    What has both already is returned as it is.
    """
    known = model.file.metadata
    whole = known.labels == model.labels and known.mean and known.std
    return model.data if whole else _described(without_metadata(model.data), model)


def to_uint8(model: Model) -> bytes:
    """Return a quantized model with uint8 in and out, and metadata.

    A QUANTIZE operator before the network and one behind it shift the values by 128: answers stay the same.
    Raises ModelError for a model whose input or output is float, or that was compiled for the Edge TPU.
    """
    _refuse_compiled(model)
    for tensor in (*model.file.inputs, *model.file.outputs):
        if tensor.dtype == "float32":
            raise ModelError(
                f"{model.name} {model.variant} has the float tensor {tensor.name}: only int8 becomes uint8"
            )
    graph = unpack_model(without_metadata(model.data))
    main = graph.subgraphs[0]
    image, scores = int(main.inputs[0]), int(main.outputs[0])
    if model.file.inputs[0].dtype == "int8":
        outer = _unsigned(main, image)
        main.operators.insert(0, _quantize(graph, outer, image))
        _replace(graph, image, outer)
    if model.file.outputs[0].dtype == "int8":
        outer = _unsigned(main, scores)
        main.operators.append(_quantize(graph, scores, outer))
        _replace(graph, scores, outer)
    return _described(pack_model(graph), model)


def to_c(model: Model, name: str) -> tuple[str, str]:
    """Return a C header and a source with the bare model and its labels, for TensorFlow Lite Micro.

    Raises ModelError for what was compiled for the Edge TPU.

    Parameters
    ----------
    name
        The files' name without its ending, which the source includes the header by.
    """
    _refuse_compiled(model)
    data = without_metadata(model.data)
    symbol = re.sub(r"\W", "_", name, flags=re.ASCII)
    symbol = f"model_{symbol}" if symbol[:1].isdigit() else symbol
    image = model.file.inputs[0]
    numbers = textwrap.indent(textwrap.fill(", ".join(map(str, data)), _COLUMNS), "    ")
    values = {
        "symbol": symbol,
        "name": name,
        "guard": f"{symbol.upper()}_H_",
        "title": re.sub(r"\W", " ", model.name),
        "input": f"{image.dtype} {'x'.join(map(str, image.shape))}",
        "bytes": len(data),
        "labels": len(model.labels),
        "numbers": numbers,
        "strings": "\n".join(f"    {_c_string(label)}," for label in model.labels),
    }
    return _stamped(_HEADER.format(**values)), _stamped(_SOURCE.format(**values))


def is_own_c(content: bytes) -> bool:
    """Whether a file's content is a header or a source that `to_c` made, and nobody changed."""
    head, _, rest = content.partition(b"\n")
    return head == _stamp(rest.decode("utf-8", "replace")).encode()


def _stamp(text: str) -> str:
    """Return the first line of a C file: by it edgecnn knows one of its own that it may replace."""
    return f"// Written by edgecnn models export, {hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _stamped(text: str) -> str:
    return f"{_stamp(text)}\n{text}"


def _refuse_compiled(model: Model) -> None:
    if model.file.edge_tpu:
        raise ModelError(
            f"{model.name} {model.variant} was compiled for the Edge TPU and takes no other form: "
            "export the variant that it was compiled from"
        )


def _described(content: bytes, model: Model) -> bytes:
    manifest = model.bundle.manifest if model.bundle else {}
    return write_metadata(
        content,
        name=manifest.get("title", model.name),
        description=f"{model.name}, {model.variant}",
        license_text=manifest.get("data", {}).get("licence", ""),
        labels=model.labels,
        color=model.input.color,
        value_range=model.input.value_range,
    )


def _unsigned(main: Any, index: int) -> int:
    """Add the uint8 twin of an int8 tensor, which no buffer holds, and return its place."""
    from ai_edge_litert import schema_py_generated as schema

    inner = main.tensors[index]
    twin, quantization = schema.TensorT(), schema.QuantizationParametersT()
    quantization.scale = inner.quantization.scale
    quantization.zeroPoint = inner.quantization.zeroPoint + _SIGN
    twin.shape, twin.type, twin.buffer = inner.shape, schema.TensorType.UINT8, 0
    twin.name, twin.quantization = inner.name, quantization
    inner.name = inner.name + b"_int8"
    main.tensors.append(twin)
    return len(main.tensors) - 1


def _quantize(graph: Any, source: int, target: int) -> Any:
    """Return a QUANTIZE operator from one tensor to the other."""
    from ai_edge_litert import schema_py_generated as schema

    codes = [code.builtinCode for code in graph.operatorCodes]
    if schema.BuiltinOperator.QUANTIZE not in codes:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.QUANTIZE
        graph.operatorCodes.append(code)
        codes.append(code.builtinCode)
    operator = schema.OperatorT()
    operator.opcodeIndex = codes.index(schema.BuiltinOperator.QUANTIZE)
    operator.inputs, operator.outputs = np.array([source], np.int32), np.array([target], np.int32)
    return operator


def _replace(graph: Any, old: int, new: int) -> None:
    """Let the graph's own inputs and outputs, and their signatures, name another tensor."""
    main = graph.subgraphs[0]
    main.inputs = np.array([new if i == old else i for i in main.inputs], np.int32)
    main.outputs = np.array([new if i == old else i for i in main.outputs], np.int32)
    for signature in graph.signatureDefs or ():
        for entry in (*(signature.inputs or ()), *(signature.outputs or ())):
            if entry.tensorIndex == old:
                entry.tensorIndex = new


def _c_string(text: str) -> str:
    """Return a C string literal: ASCII, with every other byte of the UTF-8 as three octal digits."""
    escaped = (
        chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in text.encode("utf-8")
    )
    return f'"{"".join(escaped)}"'


_HEADER = """\
// {title}, {input}: a model for TensorFlow Lite Micro, and its labels.
#ifndef {guard}
#define {guard}

#ifdef __cplusplus
extern "C" {{
#endif

extern const unsigned char {symbol}_model[{bytes}];
extern const unsigned int {symbol}_model_bytes;
extern const char *const {symbol}_labels[{labels}];
extern const unsigned int {symbol}_label_count;

#ifdef __cplusplus
}}
#endif

#endif
"""
_SOURCE = """\
#include "{name}.h"

#ifdef __cplusplus
alignas(16)
#else
_Alignas(16)
#endif
const unsigned char {symbol}_model[{bytes}] = {{
{numbers}
}};
const unsigned int {symbol}_model_bytes = {bytes};
const char *const {symbol}_labels[{labels}] = {{
{strings}
}};
const unsigned int {symbol}_label_count = {labels};
"""
