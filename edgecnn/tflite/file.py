"""Reads a `.tflite` file as data: tensors, quantization, operators, labels. Never runs it.

Files are untrusted: `read_checked` comes first.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from edgecnn.errors import ModelError
from edgecnn.tflite.check import read_checked
from edgecnn.tflite.flatbuffer import FlatbufferError
from edgecnn.tflite.names import DTYPES, METADATA_NAME, OPERATORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.tflite.metadata import Metadata

EDGE_TPU_OP = "edgetpu-custom-op"
# Arm's compiler Vela replaces the operators that an Ethos-U runs by this one.
ETHOS_U_OP = "ethos-u"
# Bytes of one value, by the type's name.
ITEM_BYTES = {
    "int8": 1,
    "uint8": 1,
    "bool": 1,
    "int16": 2,
    "float16": 2,
    "int32": 4,
    "float32": 4,
    "int64": 8,
}
_FLOAT_TYPES = ("float16", "float32", "float64")


class Tensor(NamedTuple):
    """One tensor: `scale` is 0 if it is not quantized per tensor, `channels` is the number of its scales.

    A `constant` is stored in the file, such as weights; other tensors are computed in each run. `signature`
    is the shape with -1 for each open dimension; empty if the file does not have it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int
    channels: int
    constant: bool = False
    signature: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """The number of values."""
        return math.prod(self.shape)


class Operator(NamedTuple):
    """One step of the graph: the places of the tensors that it reads and writes, and its multiplications."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    macs: int


class TfliteFile(NamedTuple):
    """The content of a model file. Multiplications are those of convolutions and dense layers.

    `input_places` and `output_places` are the places of `inputs` and `outputs` in `tensors`; `chosen` are the
    places of `outputs` among the graph's outputs, empty if they are all of them. `description` is the
    standard metadata as stored, None without it; `notes` are other metadata entries with their names; `data`
    is the whole file.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    tensors: tuple[Tensor, ...]
    graph: tuple[Operator, ...]
    description: bytes | None = None
    data: bytes = b""
    input_places: tuple[int, ...] = ()
    output_places: tuple[int, ...] = ()
    chosen: tuple[int, ...] = ()
    notes: tuple[tuple[str, bytes], ...] = ()
    signature_outputs: tuple[tuple[str, int], ...] = ()

    def __repr__(self) -> str:
        return f"TfliteFile({len(self.data):,} bytes, {', '.join(self.operators)})"

    @property
    def metadata(self) -> Metadata:
        """The labels and normalization inside the file, read at each access: a bundle does not need them."""
        from edgecnn.tflite.metadata import read_metadata

        return read_metadata(self.description, self.data, self.notes)

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators' names, in the order in which they run."""
        return tuple(op.name for op in self.graph)

    @property
    def places(self) -> tuple[int, ...]:
        """The places of `outputs` among all outputs of the graph."""
        return self.chosen or tuple(range(len(self.outputs)))

    @property
    def output(self) -> int:
        """The place of the first of `outputs` among all outputs of the graph."""
        return self.places[0]

    def with_outputs(self, places: Sequence[int]) -> TfliteFile:
        """Return it with only these of its outputs, in this order; IndexError if it has fewer."""
        return self._replace(
            outputs=tuple(self.outputs[k] for k in places),
            output_places=tuple(self.output_places[k] for k in places),
            chosen=tuple(self.places[k] for k in places),
        )

    @property
    def macs(self) -> int:
        """The number of multiplications for one image."""
        return sum(op.macs for op in self.graph)

    @property
    def float_tensors(self) -> tuple[str, ...]:
        """The names of the float tensors; none in a full-integer model."""
        return tuple(t.name for t in self.tensors if t.dtype in _FLOAT_TYPES)

    @property
    def edge_tpu(self) -> bool:
        """Whether it was compiled for the Edge TPU and runs nowhere else."""
        return EDGE_TPU_OP in self.operators

    @property
    def ethos_u(self) -> bool:
        """Whether Vela compiled it for Arm's Ethos-U, which only TensorFlow Lite Micro runs."""
        return ETHOS_U_OP in self.operators

    def readers(self, place: int) -> list[Operator]:
        """Return the operators that read a tensor."""
        return [op for op in self.graph if place in op.inputs]

    def writer(self, place: int) -> Operator | None:
        """Return the operator that writes a tensor."""
        return next((op for op in self.graph if place in op.outputs), None)


def read_tflite(data: bytes, source: str) -> TfliteFile:
    """Read a model file.

    Parameters
    ----------
    data
        The file's bytes.
    source
        Its name in messages.

    Raises
    ------
    ModelError
        If it is no TFLite file, or a damaged one; the message says what it is instead.
    """
    _refuse_other_files(data, source)
    try:
        return _read(data)
    except ModelError as error:
        raise ModelError(f"{source}: {error}") from None
    except FlatbufferError as error:
        raise ModelError(
            f"{source} is damaged or cut off ({len(data):,} bytes; {error}): "
            "copy or download it again; `edgecnn models verify` checks the shipped ones"
        ) from None


def _refuse_other_files(data: bytes, source: str) -> None:
    """Raise ModelError for a file that is clearly no model; the message says what it is."""
    head = data[:200].lstrip().lower()
    if not data:
        reason = "is empty (0 bytes): copy or download it again"
    elif head.startswith(b"version https://git-lfs"):
        reason = "is a Git LFS pointer, not the model itself: run `git lfs pull` where it came from"
    elif head.startswith((b"<!doctype", b"<html", b"<?xml")):
        reason = "is a web page, not a model: download the file itself (the 'raw' link)"
    elif data[4:8] != b"TFL3":
        reason = f"is no TFLite model: it starts with {data[:8]!r}, expected 'TFL3' at byte 4"
    else:
        return
    raise ModelError(f"{source} {reason}")


def _tensor(raw: Any) -> Tensor:
    quantization = raw.quantization
    channels = len(quantization.scale) if quantization else 0
    return Tensor(
        name=(raw.name or b"").decode("utf-8"),
        shape=raw.shape,
        dtype=raw.dtype,
        scale=float(quantization.scale[0]) if channels == 1 else 0.0,
        zero_point=int(quantization.zero_point[0]) if channels == 1 and len(quantization.zero_point) else 0,
        channels=channels,
        constant=raw.constant,
        signature=tuple(raw.shape_signature.tolist()),
    )


def _macs(name: str, inputs: list[Tensor], output: Tensor) -> int:
    if len(inputs) < 2:
        return 0
    weights = math.prod(inputs[1].shape)
    if name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return math.prod(output.shape[1:3]) * weights
    if name == "FULLY_CONNECTED":
        return weights * math.prod(output.shape[:-1])
    return 0


def _operator(raw: Any, codes: list[Any], tensors: tuple[Tensor, ...]) -> Operator:
    name = raw.code
    if name == "CUSTOM":
        name = (codes[raw.opcode_index].custom_code or b"custom").decode("utf-8")
    # -1 means a missing input, such as a bias.
    inputs = tuple(k for k in raw.inputs if k >= 0)
    macs = _macs(name, [tensors[k] for k in inputs], tensors[raw.outputs[0]]) if raw.outputs else 0
    return Operator(name, inputs, tuple(raw.outputs), macs)


def _read(data: bytes) -> TfliteFile:
    model = read_checked(data, OPERATORS, DTYPES)
    graph = model.subgraphs[0]
    tensors = tuple(_tensor(t) for t in graph.tensors)
    described = next((m for m in model.metadata if m.name == METADATA_NAME.encode()), None)
    others = (m for m in model.metadata if m is not described)
    return TfliteFile(
        inputs=tuple(tensors[k] for k in graph.inputs),
        outputs=tuple(tensors[k] for k in graph.outputs),
        tensors=tensors,
        graph=tuple(_operator(o, model.operator_codes, tensors) for o in graph.operators),
        description=model.buffers[described.buffer].data.tobytes() if described else None,
        data=data,
        input_places=tuple(graph.inputs.tolist()),
        output_places=tuple(graph.outputs.tolist()),
        notes=tuple(
            ((m.name or b"").decode("utf-8", "replace"), model.buffers[m.buffer].data.tobytes())
            for m in others
        ),
        signature_outputs=_signature_outputs(model),
    )


def _signature_outputs(model: Any) -> tuple[tuple[str, int], ...]:
    """Return the output names in the signature of the first graph, and their tensors."""
    signature = next((s for s in model.signature_defs if s.subgraph == 0), None)
    entries = signature.outputs if signature else ()
    return tuple(((e.name or b"").decode("utf-8"), int(e.tensor)) for e in entries)
