"""A short run of the attacks in `idx_files.py`, and the one that took gigabytes."""

import struct
import zlib

import pytest

from tests.attack import idx_files


@pytest.mark.slow
def test_each_is_answered_or_refused_in_one_line(commands, tmp_path):
    outcomes = idx_files.run(commands, 32, 7, tmp_path)
    assert [o for o in outcomes if not o.good] == []
    assert {o.verdict for o in outcomes} == {"answer", "refused"}
    assert [o for o in outcomes if o.verdict == "refused" and len(o.err.splitlines()) != 1] == []


def test_four_small_files_that_unpack_to_gigabytes(commands, tmp_path):
    folder = tmp_path / "idx"
    folder.mkdir()
    for name, (_, dimensions) in idx_files.NAMES.items():
        size = 1300 << 20
        shape = (size // 784, 28, 28) if dimensions == 3 else (size,)
        head = zlib.compressobj(wbits=-15)
        header = bytes([0, 0, 8, dimensions]) + struct.pack(f">{dimensions}I", *shape)
        start = head.compress(header) + head.flush(zlib.Z_FULL_FLUSH)
        packed = b"\x1f\x8b\x08\0\0\0\0\0\0\3" + start + idx_files.zeros(size) + b"\3\0" + bytes(8)
        assert len(packed) < 1_500_000
        (folder / f"{name}.gz").write_bytes(packed)
    found = commands.run("data", "check", folder)
    assert found.verdict == "refused", found
    assert "train-images-idx3-ubyte.gz claims 1,738,710×28×28 values, expected at most" in found.err
    assert found.peak < 300_000_000
