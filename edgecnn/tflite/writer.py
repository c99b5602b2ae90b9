"""Writes `.tflite` files: edited models, and the standard metadata.

`edgecnn.tflite.metadata` reads the metadata and describes them.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np

from edgecnn.tflite.metadata import LABELS_FILE
from edgecnn.tflite.names import EDGECNN_METADATA_NAME, METADATA_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

# Slots of the tables, and values of their enumerations.
_MODEL_NAME, _MODEL_DESCRIPTION, _MODEL_SUBGRAPHS, _MODEL_LICENSE, _MODEL_FIELDS = 0, 1, 3, 5, 8
_SUBGRAPH_INPUTS, _SUBGRAPH_OUTPUTS, _SUBGRAPH_FIELDS = 2, 3, 10
_TENSOR_NAME, _TENSOR_CONTENT, _TENSOR_UNITS, _TENSOR_STATS, _TENSOR_FILES, _TENSOR_FIELDS = 0, 3, 4, 5, 6, 7
_UNION_TYPE, _UNION_VALUE = 0, 1
_FILE_NAME, _FILE_TYPE, _FILE_FIELDS = 0, 2, 5
_TENSOR_AXIS_LABELS = 2
# Vela's plan of activations, for TensorFlow Lite Micro.
_FOR_MICRO = (b"OfflineMemoryAllocation",)
_NORMALIZATION, _IMAGE, _FEATURE = 1, 2, 1
_RGB, _GRAYSCALE = 1, 2


def unpack_model(model: bytes) -> Any:
    """Return a `.tflite` as the schema's `ModelT`, for editing."""
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(model))


def float32_constant(graph: Any, tensor: Any) -> NDArray[np.float32]:
    """Return the values of a float32 constant of a `ModelT`, in the tensor's shape."""
    content = np.asarray(graph.buffers[tensor.buffer].data, np.uint8).tobytes()
    return np.frombuffer(content, np.float32).reshape(tensor.shape)


def without_metadata(model: bytes) -> bytes:
    """Return the bare model: without labels, and without metadata that no interpreter needs."""
    graph = unpack_model(model)
    kept = [entry for entry in graph.metadata or () if entry.name in _FOR_MICRO]
    for entry in graph.metadata or ():
        if entry not in kept:
            graph.buffers[entry.buffer].data = None
    graph.metadata = kept or None
    return pack_model(graph)


def pack_model(graph: Any) -> bytes:
    """Return a model (the schema's `ModelT`) as the bytes of a `.tflite`.

    Equal vectors, such as the zero points of weights, are stored only once. The content of buffers is aligned
    to 16 bytes, as the schema requires and its Python code forgets.
    """
    builder = _Builder(1 << 16)
    builder.Finish(graph.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._known: dict[tuple[str, bytes], int] = {}

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N802, N803 - theirs
        # Vectors of bytes are the content of buffers and the options of custom operators.
        return int(super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment))

    def CreateNumpyVector(self, x: Any) -> int:  # noqa: N802
        key = (x.dtype.str, x.tobytes())
        if key not in self._known:
            self._known[key] = int(super().CreateNumpyVector(x))
        return self._known[key]


def write_metadata(
    model: bytes,
    *,
    name: str,
    description: str,
    license_text: str,
    labels: Sequence[str],
    color: str,
    value_range: tuple[float, float],
    channel_ranges: Sequence[tuple[float, float]] = (),
    own: bytes = b"",
) -> bytes:
    """Return the model with metadata and labels inside; its answers do not change.

    Pixels 0 and 255 become `value_range`, or one of `channel_ranges` each if channels differ; they are
    written as the mean and deviation of (pixel − mean) / std. `own` is the entry that only edgecnn reads, see
    `edgecnn.bundle.edgecnn_metadata`.
    """
    graph = unpack_model(model)
    described = _build(name, description, license_text, color, channel_ranges or (value_range,))
    _set_metadata(graph, METADATA_NAME, described)
    if own:
        _set_metadata(graph, EDGECNN_METADATA_NAME, own)
    packed = io.BytesIO()
    packed.write(pack_model(graph))
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_STORED) as archive:
        # A fixed date, so that the same model gives the same bytes.
        archive.writestr(zipfile.ZipInfo(LABELS_FILE, (1980, 1, 1, 0, 0, 0)), "\n".join(labels) + "\n")
    return packed.getvalue()


def _set_metadata(graph: Any, name: str, content: bytes) -> None:
    """Set one metadata entry of a model, in a buffer of its own."""
    from ai_edge_litert import schema_py_generated as schema

    graph.metadata = graph.metadata or []
    entry = next((m for m in graph.metadata if m.name in (name, name.encode())), None)
    if entry is None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, len(graph.buffers)
        graph.metadata.append(entry)
        graph.buffers.append(schema.BufferT())
    graph.buffers[entry.buffer].data = list(content)


def _object(builder: flatbuffers.Builder, size: int, fields: dict[int, tuple[str, Any]]) -> int:
    """Write one table: `fields` maps a slot to the kind (`offset` or `byte`) and its value."""
    builder.StartObject(size)
    for slot, (kind, value) in fields.items():
        if kind == "offset":
            builder.PrependUOffsetTRelativeSlot(slot, value, 0)
        else:
            builder.PrependUint8Slot(slot, value, 0)
    return int(builder.EndObject())


def _vector(builder: flatbuffers.Builder, values: Sequence[Any], prepend: Callable[[Any], None]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        prepend(value)
    return int(builder.EndVector())


def _build(
    name: str, description: str, license_text: str, color: str, ranges: Sequence[tuple[float, float]]
) -> bytes:
    b = flatbuffers.Builder(1024)

    def offsets(*values: int) -> int:
        return _vector(b, values, b.PrependUOffsetTRelative)

    def floats(*values: float) -> int:
        return _vector(b, values, b.PrependFloat32)

    stds = [255 / (high - low) for low, high in ranges]
    means = [0.0 - low * std for (low, _), std in zip(ranges, stds, strict=True)]
    mean, deviation = floats(*means), floats(*stds)
    options = _object(b, 2, {0: ("offset", mean), 1: ("offset", deviation)})
    unit = _object(b, 2, {_UNION_TYPE: ("byte", _NORMALIZATION), _UNION_VALUE: ("offset", options)})
    image = _object(b, 2, {0: ("byte", _GRAYSCALE if color == "gray" else _RGB)})
    content_image = _object(b, 3, {_UNION_TYPE: ("byte", _IMAGE), _UNION_VALUE: ("offset", image)})
    top, bottom = floats(*(high for _, high in ranges)), floats(*(low for low, _ in ranges))
    stats = _object(b, 2, {0: ("offset", top), 1: ("offset", bottom)})
    units = offsets(unit)
    input_name = b.CreateString("image")
    input_tensor = _object(
        b,
        _TENSOR_FIELDS,
        {
            _TENSOR_NAME: ("offset", input_name),
            _TENSOR_CONTENT: ("offset", content_image),
            _TENSOR_UNITS: ("offset", units),
            _TENSOR_STATS: ("offset", stats),
        },
    )
    file_name = b.CreateString(LABELS_FILE)
    file = _object(
        b,
        _FILE_FIELDS,
        {_FILE_NAME: ("offset", file_name), _FILE_TYPE: ("byte", _TENSOR_AXIS_LABELS)},
    )
    feature = _object(b, 0, {})
    content = _object(b, 3, {_UNION_TYPE: ("byte", _FEATURE), _UNION_VALUE: ("offset", feature)})
    files = offsets(file)
    output_name = b.CreateString("probability")
    output_tensor = _object(
        b,
        _TENSOR_FIELDS,
        {
            _TENSOR_NAME: ("offset", output_name),
            _TENSOR_CONTENT: ("offset", content),
            _TENSOR_FILES: ("offset", files),
        },
    )
    inputs, outputs = offsets(input_tensor), offsets(output_tensor)
    subgraph = _object(
        b, _SUBGRAPH_FIELDS, {_SUBGRAPH_INPUTS: ("offset", inputs), _SUBGRAPH_OUTPUTS: ("offset", outputs)}
    )
    subgraphs = offsets(subgraph)
    texts = [b.CreateString(text) for text in (name, description, license_text)]
    model = _object(
        b,
        _MODEL_FIELDS,
        {
            _MODEL_NAME: ("offset", texts[0]),
            _MODEL_DESCRIPTION: ("offset", texts[1]),
            _MODEL_SUBGRAPHS: ("offset", subgraphs),
            _MODEL_LICENSE: ("offset", texts[2]),
        },
    )
    b.Finish(model, file_identifier=b"M001")
    return bytes(b.Output())
