"""Reads the tensors of a PyTorch file in the form before version 1.6, and nothing else of it.

Such a file is five pickles, then the numbers. A pickle is a program that may call anything, so it is never
loaded: its opcodes are read by the standard library's `pickletools`, which runs nothing, and interpreted
here, as far as a dictionary of tensors needs them. Anything else is refused.

The form is that of `torch.serialization._legacy_save`: a magic number, the protocol, the sizes of types, the
object, and the keys of its storages in the order in which they follow: each as its length (int64), then its
content.
"""

from __future__ import annotations

import io
import math
import pickletools
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from edgecnn.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_TYPES: dict[str, np.dtype[Any]] = {
    "torch FloatStorage": np.dtype("<f4"),
    "torch LongStorage": np.dtype("<i8"),
}
_TENSOR, _DICT = "torch._utils _rebuild_tensor_v2", "collections OrderedDict"
# Opcodes that push their own argument, and those that push a constant.
_LITERALS = frozenset({"BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE"})
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple,
}  # fmt: skip
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MOST_AXES = 8
# The opcodes of one pickle; a network of a thousand tensors has 50,000.
_MOST_STEPS = 1_000_000


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype[Any]
    length: int


class _Place(NamedTuple):
    """Where a tensor lies in its storage: its first value, shape and strides, in values."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Name(NamedTuple):
    """What a pickle would import."""

    name: str


class _Refused(ValueError):
    """What a file of tensors does not have; the text follows the file's name in messages."""


def read_tensors(data: bytes, source: str) -> dict[str, NDArray[Any]]:
    """Return the tensors of a file by their names; arrays of float32 or int64, read-only views of `data`.

    Raises
    ------
    ModelError
        If it is no such file, is damaged, or has anything but tensors; `source` names it.
    """
    try:
        return _read(data)
    except _Refused as error:
        raise ModelError(f"{source} {error}: expected a dictionary of tensors, as PyTorch saves it") from None
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, AttributeError) as error:
        raise ModelError(f"{source} is no PyTorch file of tensors, or a damaged one: {error}") from None


def _read(data: bytes) -> dict[str, NDArray[Any]]:
    stream = io.BytesIO(data)
    if _unpickle(stream) != _MAGIC or _unpickle(stream) != _PROTOCOL:
        raise _Refused("does not begin as PyTorch's files before version 1.6 do")
    if _unpickle(stream).get("little_endian") is not True:
        raise _Refused("was written on a big-endian machine")
    named, keys = _unpickle(stream), _unpickle(stream)
    places = {name: value for name, value in named.items() if isinstance(value, _Place)}
    if len(places) != len(named):
        raise _Refused("has values that are no tensors")
    storages: dict[str, _Storage] = {}
    for place in places.values():
        if storages.setdefault(place.storage.key, place.storage) != place.storage:
            raise _Refused("has two storages of one key")
    contents: dict[str, NDArray[Any]] = {}
    at = stream.tell()
    for key in keys:
        storage = storages[_text(key)]
        length = int.from_bytes(data[at : at + 8], "little")
        at += 8
        if length != storage.length:
            raise _Refused(f"has {length:,} values where {storage.length:,} were stated")
        contents[key] = np.frombuffer(data, storage.dtype, length, at)
        at += length * storage.dtype.itemsize
    return {name: _tensor(place, contents[place.storage.key]) for name, place in places.items()}


def _tensor(place: _Place, content: NDArray[Any]) -> NDArray[Any]:
    """Return a tensor as a view of its storage's content."""
    shape, strides = place.shape, place.strides
    if not (len(shape) == len(strides) and min((0, place.offset, *shape, *strides)) >= 0):
        raise _Refused(f"has a tensor of shape {shape} with strides {strides}")
    last = place.offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    # A stride of 0 would make any size of few values.
    if math.prod(shape) and (last >= len(content) or math.prod(shape) > len(content)):
        raise _Refused(f"has a tensor of shape {shape} that reaches beyond its {len(content):,} values")
    if not math.prod(shape):
        return np.zeros(shape, content.dtype)
    steps = [step * content.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(content[place.offset :], shape, steps, writeable=False)


def _unpickle(stream: io.BytesIO) -> Any:
    """Interpret one pickle of constants, tuples, lists, dictionaries and tensors."""
    machine = _Machine()
    for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
        if count > _MOST_STEPS:
            raise _Refused(f"has more than {_MOST_STEPS:,} opcodes in one pickle")
        if opcode.name == "STOP":
            return machine.stack.pop()
        machine.step(opcode.name, argument)
    raise _Refused("ends in the middle of a pickle")


class _Machine:
    """The stack, marks and memo of a pickle, as `pickletools` documents its opcodes."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Do what an opcode says."""
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _TUPLES:
            count = _TUPLES[name]
            if len(self.stack) < count:
                raise _Refused("is damaged")
            self.stack[-count:] = [tuple(self.stack[-count:])]
        elif name in self._ACTIONS:
            self._ACTIONS[name](self, argument)
        else:
            raise _Refused(f"has the opcode {name}")

    def _ignore(self, _: Any) -> None: ...

    def _mark(self, _: Any) -> None:
        self._marks.append(len(self.stack))

    def _since_mark(self) -> list[Any]:
        start = self._marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._since_mark()))

    def _append(self, _: Any) -> None:
        item = self.stack.pop()
        self.stack[-1].append(item)

    def _appends(self, _: Any) -> None:
        items = self._since_mark()
        self.stack[-1].extend(items)

    def _set_item(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.stack[-1][_text(key)] = value

    def _set_items(self, _: Any) -> None:
        items = self._since_mark()
        self.stack[-1].update(zip(map(_text, items[::2]), items[1::2], strict=True))

    def _put(self, place: int) -> None:
        self._memo[place] = self.stack[-1]

    def _get(self, place: int) -> None:
        self.stack.append(self._memo[place])

    def _global(self, name: str) -> None:
        if name not in (_TENSOR, _DICT, *_TYPES):
            raise _Refused(f"asks for {name.replace(' ', '.')[:80]!r}")
        self.stack.append(_Name(name))

    def _persistent(self, _: Any) -> None:
        self.stack.append(_storage(*self.stack.pop()))

    def _reduce(self, _: Any) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        self.stack.append(_call(called, arguments))

    def _build(self, _: Any) -> None:
        self.stack.pop()  # the versions of modules, which an ordered dictionary carries as an attribute

    _ACTIONS: ClassVar[dict[str, Callable[[_Machine, Any], None]]] = {
        "PROTO": _ignore, "MARK": _mark, "TUPLE": _tuple, "APPEND": _append, "APPENDS": _appends,
        "SETITEM": _set_item, "SETITEMS": _set_items, "BINPUT": _put, "LONG_BINPUT": _put,
        "BINGET": _get, "LONG_BINGET": _get, "GLOBAL": _global, "BINPERSID": _persistent, "REDUCE": _reduce,
        "BUILD": _build,
    }  # fmt: skip


def _storage(kind: str, type_: Any, key: object, device: str, length: int, view: object) -> _Storage:
    if kind != "storage" or not isinstance(type_, _Name) or device != "cpu" or view is not None:
        raise _Refused("has a storage of another kind")
    return _Storage(_text(key), _TYPES[type_.name], int(length))


def _text(value: object) -> str:
    """Return a text. Keys are nothing else: the hash of tuples in tuples would overflow the stack."""
    if not isinstance(value, str):
        raise _Refused("has a key that is no text")
    return value


def _call(called: object, arguments: tuple[Any, ...]) -> Any:
    if called == _Name(_DICT) and arguments == ():
        return {}
    if called == _Name(_TENSOR):
        storage, offset, shape, strides, *_ = arguments
        if not isinstance(storage, _Storage):
            raise _Refused("has a tensor without a storage")
        # Copies of one long list, by each of many tensors, would fill the memory.
        if max(len(shape), len(strides)) > _MOST_AXES:
            raise _Refused(f"has a tensor of more than {_MOST_AXES} axes")
        return _Place(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))
    raise _Refused("has a call of something else")
