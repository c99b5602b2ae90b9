"""Damaged, hostile and wrong variants of a model file, the same ones for the same seed."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgecnn.tflite.writer import pack_model, unpack_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Numbers at which something may overflow, wrap around or be left out.
HOSTILE = (0, 1, 2, 3, 4, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF,
           0x80000000, 0xFFFFFFF0, 0xFFFFFFFC, 0xFFFFFFFF)  # fmt: skip
REAL = (0.0, -0.0, -1.0, 1e-45, 1e-38, 1e-9, 1.0, 1e9, 3.4e38, float("inf"), float("-inf"), float("nan"))
ZERO_POINTS = (-(2**63), -129, -1, 0, 5, 128, 2**40)
SIZES = (-(2**31), -65536, -2, -1, 0, 1, 2, 3, 5, 16, 17, 255, 4096, 65535, 65536, 10**6, 2**30, 2**31 - 1)


def mutants(data: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield a kind and the bytes of a variant, `count` times; each kind as often as every other."""
    fields = pointers(data)
    for number in range(count):
        kind = list(KINDS)[number % len(KINDS)]
        yield kind, KINDS[kind](data, fields, random.Random(f"{seed} {number}"))


def flip_bits(data: bytes, fields: list[tuple[int, str]], chance: random.Random) -> bytes:
    """Flip a few bits; half of the time near the tables, which are a small part of a file."""
    changed = bytearray(data)
    near = chance.choice(fields)[0] if chance.random() < 0.5 else None
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        place = (
            chance.randrange(len(data)) if near is None else (near + chance.randrange(-64, 64)) % len(data)
        )
        changed[place] ^= 1 << chance.randrange(8)
    return bytes(changed)


def truncate(data: bytes, fields: list[tuple[int, str]], chance: random.Random) -> bytes:
    """Cut the end off, or take a piece out."""
    start = chance.randrange(len(data)) if chance.random() < 0.7 else len(data) - chance.randrange(1, 300)
    end = len(data) if chance.random() < 0.7 else min(len(data), start + chance.choice((1, 4, 16, 4096)))
    return data[:start] + data[end:]


def splice(data: bytes, fields: list[tuple[int, str]], chance: random.Random) -> bytes:
    """Copy a part of the file over another part, or fill it."""
    changed = bytearray(data)
    length = chance.choice((1, 2, 4, 8, 32, 256, 4096))
    to = chance.choice(fields)[0] if chance.random() < 0.5 else chance.randrange(len(data))
    start = chance.randrange(max(1, len(data) - length))
    piece = data[start : start + length]
    if chance.random() < 0.3:
        piece = bytes([chance.choice((0, 1, 0x7F, 0x80, 0xFF))]) * length
    if chance.random() < 0.2:  # what follows moves along
        return bytes(changed[:to] + piece + changed[to:])
    changed[to : to + length] = piece[: len(data) - to]
    return bytes(changed)


def archive_tail(data: bytes, fields: list[tuple[int, str]], chance: random.Random) -> bytes:
    """Put an archive behind the model that is too large, wrong, or not what it says."""
    packed = io.BytesIO()
    method = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(packed, "w", method) as archive:
        for number in range(chance.choice((1, 1, 1, 2, 50, 2000))):
            name = chance.choice(("labels", f"{number}", "../../x", "a\x00b", "ü" * 900))
            size = chance.choice((0, 10, 5000)) if number else chance.choice((0, 10, 10, 10**5, 5 * 10**7))
            line = chance.choice((b"\n", b"\x00", b"a", b"\xff", b"a\n", b"b\n"))
            archive.writestr(zipfile.ZipInfo(f"{number or ''}{name}.txt"), line * size)
    tail = bytearray(packed.getvalue())
    for _ in range(chance.choice((0, 0, 1, 3))):
        signature = chance.choice((b"PK\x01\x02", b"PK\x05\x06", b"PK\x03\x04"))
        place = tail.rfind(signature) + 4 + chance.randrange(40)
        tail[place : place + 4] = struct.pack("<I", chance.choice(HOSTILE))
    if chance.random() < 0.1:  # the locator of a ZIP64 directory that is nowhere
        locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, chance.choice(HOSTILE) << chance.choice((0, 32)), 1)
        tail[tail.rfind(b"PK\x05\x06") : tail.rfind(b"PK\x05\x06")] = locator
    bare = data[: data.rfind(b"PK\x03\x04")] if chance.random() < 0.5 and b"PK\x03\x04" in data else data
    return bare + bytes(tail[: 4 << 20])


def hostile_offsets(data: bytes, fields: list[tuple[int, str]], chance: random.Random) -> bytes:
    """Point real offsets elsewhere: to other tables, behind the end, to themselves; lie about lengths."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        place, form = chance.choice(fields)
        other = chance.choice(fields)[0]
        value = chance.choice((chance.choice(HOSTILE), other - place, len(data) - place, -place, other))
        size = struct.calcsize(form)
        changed[place : place + size] = (value & (256**size - 1)).to_bytes(size, "little")
    return bytes(changed)


def well_formed_but_wrong(data: bytes, fields: list[tuple[int, str]], chance: random.Random) -> bytes:
    """Write the model again with a few impossible values in its graph."""
    model = unpack_model(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        chance.choice(EDITS)(model, model.subgraphs[0], chance)
    try:
        return pack_model(model)
    except Exception:  # noqa: BLE001 - a value that its field can't hold: take another one
        return well_formed_but_wrong(data, fields, chance)


KINDS: dict[str, Callable[[bytes, list[tuple[int, str]], random.Random], bytes]] = {
    "bits": flip_bits,
    "truncated": truncate,
    "spliced": splice,
    "archive": archive_tail,
    "offsets": hostile_offsets,
    "wrong": well_formed_but_wrong,
}


def pointers(data: bytes) -> list[tuple[int, str]]:
    """Return the places of the offsets, tables of fields and lengths in a file, and their forms.

    Whatever leads from the root to a table or a vector counts: found without the schema, by following every
    field of a table that could be an offset.
    """
    found: dict[int, str] = {0: "I"}
    seen: set[int] = set()
    waiting = [int.from_bytes(data[:4], "little")]
    while waiting and len(found) < 5000:
        at = waiting.pop()
        if at in seen or at + 4 > len(data):
            continue
        seen.add(at)
        listed = at - struct.unpack_from("<i", data, at)[0]
        if not 0 <= listed < len(data) - 4:
            continue
        size, extent = struct.unpack_from("<HH", data, listed)
        if size % 2 or not 4 <= size <= 64 or not 4 <= extent <= 256 or listed + size > len(data):
            continue
        found |= {at: "i", listed: "H", listed + 2: "H"}
        for place in range(listed + 4, listed + size, 2):
            (offset,) = struct.unpack_from("<H", data, place)
            field = at + offset
            if not 4 <= offset < extent or field + 4 > len(data):
                continue
            found[place] = "H"
            target = field + struct.unpack_from("<I", data, field)[0]
            if field < target < len(data) - 4:
                found |= {field: "I", target: "I"}
                waiting.append(target)
                (length,) = struct.unpack_from("<I", data, target)
                if length < 4096 and target + 4 + 4 * length <= len(data):
                    for item in range(target + 4, target + 4 + 4 * length, 4):
                        waiting.append(item + struct.unpack_from("<I", data, item)[0])
                        found[item] = "I"
    return sorted(found.items())


def _pick(items: Any, chance: random.Random) -> Any:
    return items[chance.randrange(len(items))]


def _resize(model: Any, graph: Any, chance: random.Random) -> None:
    tensor = _pick(graph.tensors, chance)
    shape = [int(n) for n in (tensor.shape if tensor.shape is not None else ())]
    for _ in range(chance.choice((1, 1, 2))):
        change = chance.randrange(4)
        if change == 0 or not shape:
            shape.insert(chance.randrange(len(shape) + 1), chance.choice(SIZES))
        elif change == 1:
            shape.pop(chance.randrange(len(shape)))
        elif change == 2:
            chance.shuffle(shape)
        if shape:
            shape[chance.randrange(len(shape))] = chance.choice(SIZES)
    tensor.shape = np.array(shape, np.int64).astype(np.int32)


def _retype(model: Any, graph: Any, chance: random.Random) -> None:
    _pick(graph.tensors, chance).type = chance.randrange(-1, 24)


def _swap_buffer(model: Any, graph: Any, chance: random.Random) -> None:
    _pick(graph.tensors, chance).buffer = chance.choice((*range(len(model.buffers) + 1), 2**31, 2**32 - 1))


def _resize_buffer(model: Any, graph: Any, chance: random.Random) -> None:
    buffer = _pick(model.buffers, chance)
    values = np.zeros(0, np.uint8) if buffer.data is None else np.asarray(buffer.data, np.uint8)
    buffer.data = np.resize(
        values if len(values) else np.zeros(1, np.uint8), chance.choice((0, 1, 4, 64, 99999))
    )


def _fill_buffer(model: Any, graph: Any, chance: random.Random) -> None:
    buffer = _pick(model.buffers, chance)
    if buffer.data is not None:
        values = np.array([chance.choice(HOSTILE)], np.uint32).view(np.uint8)
        if chance.random() < 0.5:
            values = np.array([chance.choice(REAL)], np.float32).view(np.uint8)
        buffer.data = np.resize(values, len(buffer.data))


def _requantize(model: Any, graph: Any, chance: random.Random) -> None:
    tensor = _pick(graph.tensors, chance)
    quantization = tensor.quantization
    if quantization is None or chance.random() < 0.1:
        tensor.quantization = None if quantization is not None else schema.QuantizationParametersT()
        return
    count = 1 if quantization.scale is None else len(quantization.scale)
    change = chance.randrange(4)
    if change == 0:
        quantization.scale = np.resize(np.array([chance.choice(REAL)], np.float32), count)
    elif change == 1:
        quantization.scale = np.full(chance.choice((0, 1, 2, count + 1, 999)), 0.1, np.float32)
    elif change == 2:
        quantization.zeroPoint = np.full(
            chance.choice((0, 1, count, count + 1)),
            chance.choice(ZERO_POINTS),
            np.int64,
        )
    else:
        quantization.quantizedDimension = chance.choice(SIZES)


def _rewire(model: Any, graph: Any, chance: random.Random) -> None:
    operator = _pick(graph.operators, chance)
    owner, key = _pick(((operator, "inputs"), (operator, "inputs"), (operator, "outputs"), (graph, "inputs"),
                        (graph, "outputs")), chance)  # fmt: skip
    indices = [int(n) for n in getattr(owner, key)]
    change = chance.randrange(4)
    if change == 0 and indices:
        indices.pop(chance.randrange(len(indices)))
    elif change == 1:
        indices.append(chance.randrange(len(graph.tensors)))
    elif indices:
        choices = (*range(-1, len(graph.tensors) + 1), 2**31 - 1, -(2**31))
        indices[chance.randrange(len(indices))] = chance.choice(choices)
    setattr(owner, key, np.array(indices, np.int32))


def _reoption(model: Any, graph: Any, chance: random.Random) -> None:
    operator = _pick(graph.operators, chance)
    options = operator.builtinOptions
    if options is None or chance.random() < 0.1:
        operator.builtinOptionsType, operator.builtinOptions = chance.choice((
            (0, None), (5, schema.Pool2DOptionsT()), (1, schema.Conv2DOptionsT())))  # fmt: skip
        return
    names = sorted(vars(options))
    if names:
        name = _pick(names, chance)
        value = getattr(options, name)
        small = name in ("padding", "fusedActivationFunction", "weightsFormat", "quantizedBiasType")
        if isinstance(value, bool):
            setattr(options, name, not value)
        elif isinstance(value, float):
            setattr(options, name, chance.choice(REAL))
        elif isinstance(value, int):
            setattr(options, name, chance.randrange(-128, 128) if small else chance.choice(SIZES))


def _recode(model: Any, graph: Any, chance: random.Random) -> None:
    if chance.random() < 0.5:
        _pick(graph.operators, chance).opcodeIndex = chance.choice(
            (*range(len(model.operatorCodes) + 1), 2**32 - 1)
        )
        return
    code = _pick(model.operatorCodes, chance)
    number = chance.choice((*range(210), 250, 2**31 - 1, -1))
    code.builtinCode, code.deprecatedBuiltinCode = number, max(-128, min(number, 127))
    code.version = chance.choice((code.version, code.version, 1, 0, -1, 99))


def _reorder(model: Any, graph: Any, chance: random.Random) -> None:
    change = chance.randrange(3)
    place = chance.randrange(len(graph.operators))
    if change == 0:
        graph.operators.insert(chance.randrange(len(graph.operators)), graph.operators.pop(place))
    elif change == 1 and len(graph.operators) > 1:
        graph.operators.pop(place)
    else:
        graph.operators.insert(place, graph.operators[place])


EDITS = (_resize, _resize, _retype, _swap_buffer, _resize_buffer, _fill_buffer, _requantize, _requantize,
         _rewire, _rewire, _reoption, _reoption, _recode, _reorder)  # fmt: skip
