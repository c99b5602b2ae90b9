"""Exports models for other programs: with standard metadata, with int8 or uint8 inputs, as C source."""

from __future__ import annotations

import hashlib
import re
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.bundle.edgecnn_metadata import embed_metadata, write_edgecnn_metadata
from edgecnn.bundle.manifest import Facts
from edgecnn.errors import ModelError
from edgecnn.exchange.scores_alone import with_scores_alone
from edgecnn.tflite.file import read_tflite
from edgecnn.tflite.names import DTYPES, EDGECNN_METADATA_NAME, OPERATORS
from edgecnn.tflite.writer import pack_model, unpack_model, without_metadata

if TYPE_CHECKING:
    from edgecnn.bundle.bundle import Model
    from edgecnn.tflite.file import TfliteFile

# The difference of uint8 and int8 for the same real value, and of their zero points.
_SIGN = 128
_COLUMNS = 100


def with_metadata(model: Model) -> bytes:
    """Return the `.tflite` with its labels and normalization inside, where other programs look for them.

    In addition, it has the entry that only edgecnn reads, such as how images are fitted. A model that has all
    of it already is returned unchanged. As by all exports, the nearness is dropped; see
    `edgecnn.exchange.scores_alone`.
    """
    model = with_scores_alone(model)
    known = model.file.metadata
    # A model compiled for the Edge TPU stays as its compiler wrote it.
    own = model.file.edge_tpu or (EDGECNN_METADATA_NAME, _edgecnn_metadata(model)) in model.file.notes
    whole = own and known.labels == model.labels and known.mean and known.std
    return model.data if whole else _described(without_metadata(model.data), model)


def to_integers(model: Model, dtype: str) -> bytes:
    """Return a quantized model with int8 or uint8 inputs and outputs, and metadata.

    Operators that only convert the input to integers, and the scores back, are removed first. For uint8, a
    QUANTIZE operator before the network and one after it shift the values by 128. Answers do not change.
    Raises ModelError for a float network, for int8 of a network that is uint8 throughout, and for a compiled
    one.
    """
    _refuse_compiled(model)
    model = with_scores_alone(model)
    graph = unpack_model(without_metadata(model.data))
    main = graph.subgraphs[0]
    _keep_output(main, model.file.output)
    _strip_input(graph, main)
    _strip_output(graph, main)
    if dtype == "uint8":
        _wrap(graph, main)
    image, scores = main.tensors[int(main.inputs[0])], main.tensors[int(main.outputs[0])]
    for tensor in (image, scores):
        if DTYPES[tensor.type] == "float32":
            name = (tensor.name or b"").decode()
            raise ModelError(
                f"{model.name} {model.variant} has the float tensor {name}: only int8 becomes {dtype}"
            )
        if DTYPES[tensor.type] != dtype:
            raise ModelError(
                f"{model.name} {model.variant} is {DTYPES[tensor.type]} throughout, as of TensorFlow 1: "
                f"for {dtype} convert it again with TensorFlow 2"
            )
    return _described(pack_model(graph), model)


def to_c(model: Model, name: str, *, int8: bool = False) -> tuple[str, str]:
    """Return a C header and a source with the bare model and its labels, for TensorFlow Lite Micro.

    Raises ModelError for a model compiled for the Edge TPU, and for one that its kernels refuse.

    Parameters
    ----------
    name
        The files' name without extension; the source includes the header by it.
    int8
        Whether to convert inputs and outputs to int8 first; see `to_integers`.
    """
    _refuse_compiled(model, micro=True)
    model = with_scores_alone(model)
    data = without_metadata(to_integers(model, "int8") if int8 else model.data)
    file = read_tflite(data, model.name)
    _require_micro(model, file)
    symbol = re.sub(r"\W", "_", name, flags=re.ASCII)
    symbol = f"model_{symbol}" if symbol[:1].isdigit() else symbol
    image = file.inputs[0]
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
    """Whether a file's content is a header or a source as `to_c` wrote it, unchanged."""
    head, _, rest = content.partition(b"\n")
    return head == _stamp(rest.decode("utf-8", "replace")).encode()


def _stamp(text: str) -> str:
    """Return the first line of a C file, by which edgecnn recognizes its own files and may replace them."""
    return f"// Written by edgecnn models export, {hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _stamped(text: str) -> str:
    return f"{_stamp(text)}\n{text}"


def _require_micro(model: Model, file: TfliteFile) -> None:
    """Raise ModelError for a model that TensorFlow Lite Micro's kernels refuse; the message has a remedy."""
    where = f"{model.name} {model.variant}"
    another = f"--variant int8 where the bundle has it{_others(model)}"
    used = [file.tensors[k] for k in {k for op in file.graph for k in (*op.inputs, *op.outputs)}]
    unsigned = [t for t in used if t.dtype == "uint8" and not t.constant]
    edges = {t.name for t in (*file.inputs, *file.outputs)}
    if unsigned and {t.name for t in unsigned} <= edges and _has_signed(file):
        raise ModelError(
            f"{where} has uint8 in or out, which TensorFlow Lite Micro's kernels refuse: add --io int8"
        )
    if unsigned or any(t.dtype == "uint8" and t.scale for t in used):
        raise ModelError(
            f"{where} is uint8 throughout, which TensorFlow Lite Micro's kernels refuse: convert it again to "
            f"int8 with TensorFlow 2, or take {another}"
        )
    if any(t.dtype == "float16" for t in used):
        raise ModelError(
            f"{where} has float16 weights, which TensorFlow Lite Micro's kernels refuse: take {another}"
        )
    for operator in file.graph:
        if operator.name not in _WEIGHTED or len(operator.inputs) < 2:
            continue
        values, weights = (file.tensors[k] for k in operator.inputs[:2])
        if values.dtype == "float32" and weights.dtype in ("int8", "uint8", "int4"):
            raise ModelError(
                f"{where} has {weights.dtype} weights for float values (dynamic range), which TensorFlow "
                f"Lite Micro's kernels refuse: take {another}"
            )


_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")


def _has_signed(file: TfliteFile) -> bool:
    return any(t.dtype == "int8" and not t.constant for t in file.tensors)


def _others(model: Model) -> str:
    names = [name for name in (model.bundle.portable if model.bundle else ()) if name != model.variant]
    return f" (it has {', '.join(names)})" if names else ""


def _refuse_compiled(model: Model, *, micro: bool = False) -> None:
    """Raise ModelError for a compiled model; `micro` allows one that Vela compiled for an Ethos-U."""
    if model.file.edge_tpu or (model.file.ethos_u and not micro):
        target = "the Edge TPU" if model.file.edge_tpu else "Arm's Ethos-U by Vela"
        raise ModelError(
            f"{model.name} {model.variant} was compiled for {target} and takes no other form: "
            "export the variant that it was compiled from"
        )


def _keep_output(main: Any, place: int) -> None:
    """Leave only one of the graph's outputs."""
    main.outputs = np.array([main.outputs[place]], np.int32)


def _code(graph: Any, operator: Any) -> str:
    code = graph.operatorCodes[operator.opcodeIndex]
    return OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]


def _strip_input(graph: Any, main: Any) -> None:
    """Remove an operator that only quantizes the input."""
    image = int(main.inputs[0])
    readers = [o for o in main.operators if image in o.inputs]
    if len(readers) == 1 and _code(graph, readers[0]) == "QUANTIZE" and image not in main.outputs:
        inner = int(readers[0].outputs[0])
        main.operators.remove(readers[0])
        _replace(graph, image, inner)


def _strip_output(graph: Any, main: Any) -> None:
    """Remove an operator that only converts the scores to another type."""
    scores = int(main.outputs[0])
    writer = next((o for o in main.operators if scores in o.outputs), None)
    if writer is None or _code(graph, writer) not in ("DEQUANTIZE", "QUANTIZE"):
        return
    if any(scores in o.inputs for o in main.operators):
        return
    main.operators.remove(writer)
    _replace(graph, scores, int(writer.inputs[0]))


def _wrap(graph: Any, main: Any) -> None:
    """Add operators that convert uint8 to int8 and back around a network of int8."""
    image, scores = int(main.inputs[0]), int(main.outputs[0])
    if DTYPES[main.tensors[image].type] == "int8":
        outer = _unsigned(main, image)
        main.operators.insert(0, _quantize(graph, outer, image))
        _replace(graph, image, outer)
    if DTYPES[main.tensors[scores].type] == "int8":
        outer = _unsigned(main, scores)
        main.operators.append(_quantize(graph, scores, outer))
        _replace(graph, scores, outer)


def _described(content: bytes, model: Model) -> bytes:
    facts, title = (model.bundle.facts, model.bundle.title) if model.bundle else (Facts(), model.name)
    return embed_metadata(
        content,
        model.input,
        model.labels,
        title=title,
        description=f"{model.name}, {model.variant}",
        licence=facts.licence,
        confidence=model.confidence,
    )


def _edgecnn_metadata(model: Model) -> bytes:
    return write_edgecnn_metadata(model.input, model.confidence, model.labels)


def _unsigned(main: Any, index: int) -> int:
    """Add the uint8 counterpart of an int8 activation, and return its place."""
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
    """Replace a tensor in the graph's inputs and outputs, and in their signatures."""
    main = graph.subgraphs[0]
    main.inputs = np.array([new if i == old else i for i in main.inputs], np.int32)
    main.outputs = np.array([new if i == old else i for i in main.outputs], np.int32)
    for signature in graph.signatureDefs or ():
        for entry in (*(signature.inputs or ()), *(signature.outputs or ())):
            if entry.tensorIndex == old:
                entry.tensorIndex = new


def _c_string(text: str) -> str:
    """Return a C string literal in ASCII; other bytes of the UTF-8 are three octal digits."""
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
