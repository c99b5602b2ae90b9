"""What damaged checkpoints and notes lead to: a clean start, or one clear line."""

import io
import json
import os
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

from edgecnn.errors import OutputError
from edgecnn_train.checkpoint import Checkpoint, read_arrays
from edgecnn_train.notes import remember

MODEL = SimpleNamespace(weights=[np.zeros((3, 4), np.float32), np.zeros(4, np.float32)])
RECORD = {"loss": 1.0, "accuracy": 0.5, "val_loss": float("nan"), "val_accuracy": 0.5, "seconds": 1.0}


def saved(**parts):
    buffer = io.BytesIO()
    np.savez(buffer, **{f"{p}{i}": a for p, arrays in parts.items() for i, a in enumerate(arrays)})
    return buffer.getvalue()


BEST = saved(weight=MODEL.weights)
LAST = saved(weight=MODEL.weights, optimizer=[np.int64(7), np.zeros(4, np.float32)])


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "state.json").write_text(json.dumps({"fingerprint": "f", "history": [RECORD]}))
    (tmp_path / "last-1.npz").write_bytes(LAST)
    (tmp_path / "best-1.npz").write_bytes(BEST)
    return tmp_path


def load(folder):
    checkpoint = Checkpoint(folder, "f", 0, None, 10, falls=False)
    found = checkpoint.load(MODEL)
    assert (found is None) == (checkpoint.history == [])
    return found


def npy(header, data=b"", version=1):
    size = len(header).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + size + header + data


def zipped(*members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for i, member in enumerate(members):
            archive.writestr(f"weight{i}.npy", member)
    return buffer.getvalue()


def test_a_sound_one_is_taken(folder):
    found = load(folder)
    assert [a.shape for a in found.weights] == [(3, 4), (4,)]
    assert found.optimizer[0] == 7


def huge(shape, data=b""):
    return npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': %s}\n" % shape, data)


ARRAYS = {
    "nothing": b"",
    "no zip": b"half a checkpoint",
    "cut": LAST[:-100],
    "changed": LAST[:200] + b"xx" + LAST[202:],
    "other shapes": saved(weight=[np.zeros((4, 3), np.float32), np.zeros(4, np.float32)]),
    "fewer": saved(weight=MODEL.weights[:1]),
    "none": saved(other=MODEL.weights),
    "pickle": saved(weight=[np.array([{"a": 1}], object)]),
    "text": saved(weight=[np.array(["a"]), np.zeros(4, np.float32)]),
    "no count": saved(weight=MODEL.weights, optimizer=[np.zeros(4, np.float32)]),
    "a bomb": zipped(bytes(100 << 20), compression=zipfile.ZIP_DEFLATED),
    "lzma": zipped(bytes(1000), compression=zipfile.ZIP_LZMA),
    "terabytes": zipped(huge(b"(1000000000000,)")),
    "negative": zipped(huge(b"(-1,)")),
    "overflow": zipped(huge(b"(%s,)" % (b"9" * 400))),
    "deep": zipped(npy(b"(" * 9000)),
    "no header": zipped(npy(b"{}\n")),
    "no numbers": zipped(npy(b"{'descr': 3, 'fortran_order': 1, 'shape': 'x'}\n")),
    "version 9": zipped(npy(b"{}", version=9)),
    "encrypted": zipped(huge(b"(0,)")).replace(b"\1\2\x14\3\x14\0\0", b"\1\2\x14\3\x14\0\1"),
    "version of zip": zipped(huge(b"(0,)")).replace(b"\1\2\x14\3\x14", b"\1\2\x14\3\xff"),
}  # fmt: skip


@pytest.mark.parametrize("name", ["last-1.npz", "best-1.npz"])
@pytest.mark.parametrize("content", ARRAYS.values(), ids=ARRAYS)
def test_damaged_arrays_are_a_new_start(folder, name, content):
    if name == "best-1.npz" and content in (ARRAYS["none"], ARRAYS["no count"]):
        pytest.skip("a best one has weights alone, whatever they are called")
    (folder / name).write_bytes(content)
    assert load(folder) is None


def test_mutants_of_arrays_never_raise(folder):
    rng = np.random.default_rng(3)
    for _ in range(300):
        data = bytearray(LAST)
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(len(data))] = rng.integers(256)
        (folder / "last-1.npz").write_bytes(data)
        load(folder)
        (folder / "last-1.npz").write_bytes(data[: rng.integers(len(data))])
        load(folder)


def test_a_special_file_or_a_huge_one_is_a_new_start(folder):
    (folder / "last-1.npz").unlink()
    os.mkfifo(folder / "last-1.npz")
    assert load(folder) is None
    (folder / "last-1.npz").unlink()
    with (folder / "last-1.npz").open("wb") as file:
        file.truncate(1 << 40)
    assert load(folder) is None


STATES = {
    "nothing": "",
    "half": '{"fingerprint": "f", "his',
    "no object": "3",
    "a list": "[]",
    "no history": '{"fingerprint": "f"}',
    "empty": '{"fingerprint": "f", "history": []}',
    "a number": '{"fingerprint": "f", "history": 3}',
    "numbers": '{"fingerprint": "f", "history": [3]}',
    "text": json.dumps({"fingerprint": "f", "history": [RECORD | {"val_accuracy": "high"}]}),
    "true": json.dumps({"fingerprint": "f", "history": [RECORD | {"seconds": True}]}),
    "nan": json.dumps({"fingerprint": "f", "history": [RECORD | {"val_accuracy": float("nan")}]}),
    "lacking": json.dumps({"fingerprint": "f", "history": [{"val_accuracy": 0.5}]}),
    "longer": json.dumps({"fingerprint": "f", "history": [RECORD] * 2}),
    "deep": "[" * 100_000,
    "other": json.dumps({"fingerprint": ["f"], "history": [RECORD]}),
    "long number": '{"fingerprint": "f", "history": [%s]}' % ("9" * 5000),
}


@pytest.mark.parametrize("text", STATES.values(), ids=STATES)
def test_a_damaged_state_is_a_new_start(folder, text):
    (folder / "state.json").write_text(text)
    assert load(folder) is None


def test_parts_that_share_their_bytes_are_refused(tmp_path):
    """Such an archive unpacks to many times its size without any compression."""
    data = bytearray(zipped(*[huge(b"(0,)")] * 3))
    for at in [i for i in range(len(data)) if data[i : i + 4] == b"PK\x01\x02"]:
        data[at + 24 : at + 28] = (10**9).to_bytes(4, "little")
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(ValueError, match="larger than the file"):
        read_arrays(tmp_path / "x.npz")


@pytest.mark.parametrize(
    "content",
    [b"", b"half", b"3", b"{}", b'{"key": "k"}', b'{"key": "k", "value": null}',
     b'{"key": "k", "value": NaN}',
     b'{"key": "k", "value": 1e999}', b'{"key": "k", "value": [1]}', b'{"key": "other", "value": 2}',
     b"[" * 100_000, b"\xff\xfe", b'{"key": "k", "value": 9}'],
)  # fmt: skip
def test_a_damaged_note_is_written_again(tmp_path, content):
    (tmp_path / "note.json").write_bytes(content)
    assert remember(tmp_path / "note.json", "k", lambda: 0.5, lambda value: 0 <= value <= 1) == 0.5
    assert remember(tmp_path / "note.json", "k", lambda: 0.7) == 0.5
    assert [p.name for p in tmp_path.iterdir()] == ["note.json"]


def test_a_note_that_can_not_be_written_is_one_line(tmp_path):
    (tmp_path / "note.json").mkdir()
    with pytest.raises(OutputError, match="note.json can't be written: Is a directory"):
        remember(tmp_path / "note.json", "k", lambda: 0.5)
