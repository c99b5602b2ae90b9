"""Files are written here by Python's own pickle, in the form of PyTorch before version 1.6."""

import collections
import io
import os
import pickle
import resource
import struct
import time
from typing import NamedTuple

import numpy as np
import pytest

from edgecnn.errors import ModelError
from edgecnn.learning.torch_file import read_tensors

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
LITTLE = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


class Stored(NamedTuple):
    """A storage as it is written: its key, kind and content."""

    key: str
    kind: str
    content: np.ndarray


class View:
    """A tensor of a storage, which is pickled as PyTorch pickles its tensors."""

    def __init__(self, stored, offset, shape, strides):
        self.arguments = (stored, offset, shape, strides, False, collections.OrderedDict())

    def __reduce__(self):
        return Global("torch._utils _rebuild_tensor_v2"), self.arguments


class Global:
    """What is pickled as a name to import; it can be called, as the first part of a reduction has to be."""

    def __init__(self, name):
        self.name = name

    def __call__(self, *_): ...


class Pickler(pickle._Pickler):
    """Python's pickler in protocol 2, with storages as persistent ids."""

    def persistent_id(self, obj):
        if isinstance(obj, Stored):
            return "storage", Global(f"torch {obj.kind}"), obj.key, "cpu", len(obj.content), None
        return None

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Global):
            self.write(f"c{obj.name.replace(' ', chr(10))}\n".encode())
        else:
            super().save(obj, save_persistent_id)


def pickled(value) -> bytes:
    out = io.BytesIO()
    Pickler(out, protocol=2).dump(value)
    return out.getvalue()


def legacy(named, storages, *, magic=MAGIC, protocol=PROTOCOL, system=LITTLE, keys=None) -> bytes:
    """Return a whole file."""
    heads = b"".join(pickled(part) for part in (magic, protocol, system))
    ordered = [s.key for s in storages] if keys is None else keys
    return heads + raw_file(pickled(named), ordered, storages, "")


def raw_file(body, keys, storages, heads=None) -> bytes:
    """Return a file whose dictionary is these bytes."""
    begin = b"".join(pickled(part) for part in (MAGIC, PROTOCOL, LITTLE)) if heads is None else b""
    contents = b"".join(struct.pack("<q", len(s.content)) + s.content.tobytes() for s in storages)
    return begin + body + pickled(keys) + contents


FLOATS = Stored("94", "FloatStorage", np.arange(24, dtype="<f4"))
LONGS = Stored("7", "LongStorage", np.array([5, -6], "<i8"))


def whole():
    named = collections.OrderedDict(
        weight=View(FLOATS, 0, (2, 3, 4), (12, 4, 1)),
        turned=View(FLOATS, 2, (4, 2), (1, 12)),
        single=View(FLOATS, 23, (), ()),
        none=View(FLOATS, 24, (0, 4), (4, 1)),
        count=View(LONGS, 0, (2,), (1,)),
    )
    return legacy(named, [LONGS, FLOATS])


def refused(data, pattern="some.pth") -> str:
    with pytest.raises(ModelError, match=pattern) as caught:
        read_tensors(data, "some.pth")
    text = str(caught.value)
    assert text.startswith("some.pth ")
    assert "\n" not in text
    assert len(text) < 400
    return text


def test_tensors_are_read_with_their_shapes_strides_and_shared_storages():
    found = read_tensors(whole(), "x")
    assert list(found) == ["weight", "turned", "single", "none", "count"]
    content = FLOATS.content
    np.testing.assert_array_equal(found["weight"], content.reshape(2, 3, 4))
    np.testing.assert_array_equal(found["turned"], [[2, 14], [3, 15], [4, 16], [5, 17]])
    assert (found["single"].shape, float(found["single"])) == ((), 23)
    assert (found["none"].shape, found["none"].dtype) == ((0, 4), np.float32)
    np.testing.assert_array_equal(found["count"], [5, -6])
    assert found["count"].dtype == np.int64
    assert np.shares_memory(found["weight"], found["turned"]), "views of the file"
    assert not any(found[name].flags.writeable for name in ("weight", "turned", "count"))


def test_it_reads_what_python_would_unpickle():
    """The body of the file alone, loaded by pickle with stand-ins for PyTorch, has the same tensors."""
    stream = io.BytesIO(whole())

    class Loader(pickle.Unpickler):
        def persistent_load(self, identity):
            return {"94": FLOATS, "7": LONGS}[identity[2]].content

        def find_class(self, module, name):
            if name == "_rebuild_tensor_v2":
                return lambda stored, offset, shape, strides, *_: np.lib.stride_tricks.as_strided(
                    stored[offset:], shape, [s * stored.itemsize for s in strides]
                )
            return collections.OrderedDict if name == "OrderedDict" else name

    parts = [Loader(stream).load() for _ in range(5)]
    assert parts[4] == ["7", "94"]
    found = read_tensors(whole(), "x")
    for name, expected in parts[3].items():
        np.testing.assert_array_equal(found[name], expected)


@pytest.mark.parametrize(
    "name", ["os system", "posix system", "builtins eval", "torch.nn Linear", "torch HalfStorage"]
)
def test_any_other_name_is_refused_and_nothing_is_called(name, tmp_path):
    class Attack:
        def __reduce__(self):
            return Global(name), (f"touch {tmp_path / 'ran'}",)

    refused(legacy({"weight": Attack()}, []), f"asks for '{name.replace(' ', '.')}'")
    # Also as the magic number, which is read first.
    refused(pickled(Attack()), "asks for")
    assert not (tmp_path / "ran").exists()


def reduction(called, *arguments):
    class Reduced:
        def __reduce__(self):
            return Global(called), arguments

    return Reduced()


TENSOR = "torch._utils _rebuild_tensor_v2"


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        (reduction("torch FloatStorage", 3), "a call of something else"),
        (reduction("collections OrderedDict", [1]), "a call of something else"),
        (reduction(TENSOR, "no storage", 0, (1,), (1,)), "without a storage"),
        (reduction(TENSOR), "damaged"),
        (3, "values that are no tensors"),
        (1.5, "the opcode BINFLOAT"),
        ({"deeper": 1}, "values that are no tensors"),
    ],
)
def test_other_values_are_refused(value, pattern):
    refused(legacy({"weight": value}, []), pattern)


def test_other_heads_are_refused():
    assert "begin as PyTorch" in refused(legacy({}, [], magic=1))
    assert "begin as PyTorch" in refused(legacy({}, [], protocol=1002))
    assert "big-endian" in refused(legacy({}, [], system={**LITTLE, "little_endian": False}))
    assert "big-endian" in refused(legacy({}, [], system={}))
    refused(legacy({}, [], system=[]))
    refused(legacy([], []))
    refused(b"PK\3\4" + bytes(100), "damaged")
    refused(b"", "damaged")


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (25,), (1,)),
        (1, (24,), (1,)),
        (-1, (2,), (1,)),
        (0, (2,), (-1,)),
        (0, (-2,), (1,)),
        (0, (2, 2), (1,)),
        (0, (2,), (1 << 62,)),
        (0, (1 << 62, 1 << 62), (1, 1)),
        (0, (1 << 40,), (0,)),
        (0, (2, 1 << 200), (1, 0)),
        (1 << 100, (1,), (1,)),
        (0, (1,) * 9, (1,) * 9),
        (0, (1,) * 5000, (1,) * 5000),
        (0, (0, 1 << 100), (1, 1)),
        (0, None, (1,)),
    ],
)
def test_tensors_that_reach_beyond_their_storage_are_refused(offset, shape, strides):
    refused(legacy({"weight": View(FLOATS, offset, shape, strides)}, [FLOATS]))


def test_sizes_and_keys_that_lie_are_refused():
    view = View(FLOATS, 0, (24,), (1,))
    longer = FLOATS._replace(content=np.zeros(25, "<f4"))
    body = pickled({"weight": view})
    refused(raw_file(body, ["94"], [longer]), "25 values where 24 were stated")
    refused(raw_file(body, ["94"], []), "0 values where 24")
    refused(raw_file(body, ["94"], [FLOATS])[:-1])
    refused(raw_file(body, [], [FLOATS]))
    refused(raw_file(body, ["95"], [FLOATS]))
    refused(raw_file(body, [b"94"], [FLOATS]))
    refused(raw_file(body, 94, [FLOATS]))
    refused(raw_file(body, ["94"], []) + struct.pack("<q", 24))
    # One key that stands for storages of two types or lengths.
    for other in (Stored("94", "LongStorage", np.zeros(24, "<i8")), longer):
        named = {"weight": view, "other": View(other, 0, (24,), (1,))}
        refused(legacy(named, [FLOATS]), "two storages")


def test_a_storage_of_another_kind_is_refused():
    class Odd(Pickler):
        def persistent_id(self, obj):
            found = super().persistent_id(obj)
            return found and (*found[:3], "cuda:0", *found[4:])

    out = io.BytesIO()
    Odd(out, protocol=2).dump({"weight": View(FLOATS, 0, (1,), (1,))})
    refused(raw_file(out.getvalue(), ["94"], [FLOATS]), "storage of another kind")


def program(*parts) -> bytes:
    return b"\x80\2" + b"".join(parts) + b"."


DEEP = b")" + b"\x85" * 100_000


HOSTILE = {
    "deep key": program(b"}", DEEP, b"K\1s"),
    "deep keys": program(b"}(", DEEP, b"K\1u"),
    # A tuple of two times a tuple of two times …: 2 ** 60 of them, if anything walks through it.
    "doubling key": program(b"}", b"K\1", b"".join(b"q%ch%c\x86" % (k, k) for k in range(60)), b"K\1s"),
    "deep storage": program(b"(X\7\0\0\0storagectorch\nFloatStorage\n", DEEP, b"X\3\0\0\0cpuK\1Nt", b"Q"),
    "deep": program(DEEP),
    "lists": program(b"]" * 100_000),
    "marks": program(b"(" * 100_000),
    "list in itself": program(b"]q\0" + b"(h\0h\0e" * 20),
    "number as key": program(b"}K\1K\2s"),
    "too short a tuple": program(b"\x85"),
    "too short a pair": program(b"K\1\x86"),
    "no mark": program(b"t"),
    "no memo": program(b"h\5"),
    "nothing to look up": program(b"Q"),
    "nothing to call": program(b"R"),
    "nothing to build": program(b"b"),
    "nothing": program(),
    "many numbers": program(b"K\0" * 1_000_001),
    "long text": b"\x80\2" + b"X\xff\xff\xff\x7fabc",
    "long number": b"\x80\2" + b"\x8a\xff" + b"\x7f" * 255 + b".",
}

# Many tensors of one long shape, which each of them would copy.
HOSTILE["long shapes"] = program(
    b"(X\7\0\0\0storagectorch\nFloatStorage\nX\2\0\0\x0094X\3\0\0\0cpuK\1NtQq\0",
    b"](" + b"K\0" * 50_000 + b"eq\1",
    b"ctorch._utils\n_rebuild_tensor_v2\nq\2",
    b"h\2(h\0K\0h\1h\1tR" * 2_000,
)


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_programs_are_refused_in_bounded_time_and_memory(body):
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    refused(raw_file(body, ["94"], [FLOATS]))
    refused(body)
    named = {"weight": View(FLOATS, 0, (1,), (1,))}
    refused(legacy(named, [])[: -len(pickled([]))] + body)
    assert time.process_time() - started < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000, "kB"


def test_a_file_that_ends_early_is_refused_wherever_it_ends():
    data = whole()
    for length in range(len(data)):
        refused(data[:length])


def test_no_mutation_does_anything_else_than_being_read_or_refused():
    data = bytearray(whole())
    rng = np.random.default_rng(8)
    refusals = []
    for _ in range(600):
        changed = bytearray(data)
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(len(changed)))
            kind = rng.integers(3)
            if kind == 0:
                changed[at] = int(rng.integers(256))
            elif kind == 1:
                del changed[at : at + int(rng.integers(1, 9))]
            else:
                changed[at:at] = rng.integers(0, 256, int(rng.integers(1, 5)), np.uint8).tobytes()
        try:
            found = read_tensors(bytes(changed), "x")
        except ModelError as error:
            refusals.append(str(error))
        else:
            assert sum(t.size for t in found.values()) < 1000
            for tensor in found.values():
                tensor.sum()
    assert len(refusals) > 300
    assert not any("\n" in line for line in refusals)


def test_pickle_itself_would_have_run_the_attack(tmp_path):
    """The attack of these tests is one: Python's unpickler runs it."""
    done = tmp_path / "ran"

    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(done),)

    pickle.loads(pickle.dumps(Attack(), protocol=2))
    assert done.exists()
    done.rmdir()
    refused(pickle.dumps(Attack(), protocol=2), "asks for 'posix.mkdir'")
    assert not done.exists()
