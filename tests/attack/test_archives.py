"""A short run of the attacks in `archives.py`, and those that took gigabytes."""

import zlib

import pytest

from tests.attack import archives
from tests.attack.archives import BZIP2, DEFLATED, GIB, LZMA, Member, build, image, pack, plain, zeros


@pytest.mark.slow
def test_each_is_answered_or_refused_in_one_line(commands, tmp_path):
    outcomes = archives.run(commands, 32, 7, tmp_path)
    assert [o for o in outcomes if not o.good] == []
    assert {o.verdict for o in outcomes} == {"answer", "refused"}
    assert [o for o in outcomes if o.verdict == "refused" and len(o.err.splitlines()) != 1] == []


@pytest.mark.parametrize("claimed", [int(4.2 * GIB), 200 << 20, 16 << 20, 1000])
@pytest.mark.parametrize("method", [DEFLATED, BZIP2, LZMA])
def test_a_bomb_is_left_out_whatever_it_claims(commands, tmp_path, method, claimed):
    import random

    path = tmp_path / "bomb.zip"
    packed = zeros(int(4.2 * GIB), method)
    path.write_bytes(build([*plain(random.Random(0)), Member(b"3/bomb.png", packed, claimed, 0, method)]))
    assert path.stat().st_size < 5_000_000
    found = commands.run("data", "check", path)
    assert found.verdict == "answer", found
    assert "3/bomb.png" in found.out
    assert found.peak < 300_000_000


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": 93}, "is packed with Zstandard, expected stored, Deflate, bzip2 or LZMA"),
        ({"method": 77}, "is packed with method 77"),
        ({"flags": 0x801}, "is encrypted: unpack the archive with its password"),
        ({"crc": 1}, "can't be unpacked: its checksum is wrong"),
        ({"size": 20}, "can't be unpacked"),
    ],
)
def test_a_member_that_is_left_out_is_named_with_the_reason(commands, tmp_path, change, said):
    from dataclasses import replace

    data = image(3)
    good = [
        Member(f"{d}/{i}.png".encode(), pack(data, DEFLATED), len(data), zlib.crc32(data), DEFLATED)
        for d in range(10) for i in range(4)
    ]  # fmt: skip
    path = tmp_path / "odd.zip"
    path.write_bytes(build([replace(good[0], **change), *good[1:]]))
    found = commands.run("evaluate", "digits", "--data", path)
    assert found.verdict == "answer", found
    lines = [line for line in found.err.splitlines() if line.startswith("skipped")]
    assert len(lines) == 1
    assert f"{path}: 0/0.png " in lines[0]
    assert said in lines[0]
