import lzma
import random
import unicodedata
import zipfile
import zlib
from dataclasses import replace

import cv2
import numpy as np
import pytest

from edgecnn.dataset import archive, open_source
from edgecnn.dataset.unpack import unpack, unpacker
from edgecnn.errors import DataError
from tests.attack.archives import build, image, member, plain


@pytest.fixture
def write(tmp_path):
    def written(data):
        path = tmp_path / "data.zip"
        path.write_bytes(data)
        return path

    return written


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_every_method_of_the_standard_library_is_unpacked(tmp_path, method):
    path = tmp_path / "data.zip"
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    data = cv2.imencode(".bmp", pixels)[1].tobytes()
    with zipfile.ZipFile(path, "w", method) as file:
        for name in ("a/x.bmp", "b/x.bmp"):
            file.writestr(name, data)
    source = open_source(path)
    assert np.array_equal(source.read(source.items[1]), pixels)


def test_an_archive_behind_other_bytes_is_read(write):
    source = open_source(write(b"#!/bin/sh\n" * 5000 + build(plain(random.Random(0)))))
    assert len(source.items) == 30
    assert source.read(source.items[0]).shape == (28, 28, 3)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (
            [member("0/a.png", b"x"), member("0/a.png", b"y")],
            "has the member '0/a.png' twice, with different",
        ),
        ([member("0/a.png", b"x"), member("./0\\a.png", b"y")], "has the member '0/a.png' twice"),
        ([member("..\\0\\a.png", b"x")], "the member '../0/a.png' points outside the archive"),
        ([member("/0/a.png", b"x")], "the member '/0/a.png' points outside the archive"),
        ([member("0/../../a.png", b"x")], "points outside the archive"),
        ([replace(member("0/a.png", b"x"), version=99)], "zip file version 9.9"),
        ([replace(member("0/\xe4.png", b"x"), name=b"0/\xe4.png")], "can't be read: 'utf-8' codec"),
        ([replace(member("5/x.png", b"x"), offset=0)], "share bytes"),
    ],
)
def test_what_no_packer_writes_is_refused(write, members, said):
    with pytest.raises(DataError, match=said):
        open_source(write(build([*plain(random.Random(0))[3:], *members])))


def written(path, names, **changes):
    """Write an archive of one image a name, as bytes, and open it."""
    data = image(0)
    path.write_bytes(build([replace(member("x", data), name=name, **changes) for name in names]))
    return open_source(path)


@pytest.mark.parametrize(
    "names",
    [
        [b"a\\x.png", b"b\\x.png", b"b\\y.png"],
        [b"./a/x.png", b"./b/x.png", b"b//y.png"],
        [b"photos/a/x.png", b"photos/b/x.png", b"photos/b/y.png"],
        [b"p\\photos\\a\\x.png", b"p\\photos\\b\\x.png", b"p\\photos\\b\\y.png"],
        [b"a/x.png", b"b/x.png", b"b/y.png", b"__MACOSX/a/._x.png", b"a/@eaDir/x.png", b"a/Thumbs.db"],
        [b"a/x.png", b"a/x.png", b"./a/x.png", b"b/x.png", b"b/y.png"],
    ],
    ids=["backslashes", "dots", "wrapped", "wrapped twice by Windows", "junk", "doubled"],
)
def test_archives_as_people_have_them(tmp_path, names):
    source = written(tmp_path / "x.zip", names)
    assert source.labels == ("a", "b")
    assert len(source.items) == 3
    assert source.read(source.items[2]).shape == (28, 28, 3)


def test_backslashes_lead_to_splits_too(tmp_path):
    names = [f"{s}\\{c}\\x.png".encode() for s in ("Training", "Testing") for c in "ab"]
    source = written(tmp_path / "x.zip", names)
    assert {(i.label, i.split) for i in source.items} == {(c, s) for c in (0, 1) for s in ("train", "test")}


@pytest.mark.parametrize("flags", [0, 0x800], ids=["without its flag", "with it"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_utf8_names_are_read(tmp_path, flags, form):
    label = unicodedata.normalize(form, "äpfel")
    source = written(tmp_path / "x.zip", [f"{label}/x.png".encode(), "猫/x.png".encode()], flags=flags)
    assert source.labels == ("äpfel", "猫")


def test_names_in_code_page_437_are_read(tmp_path):
    source = written(tmp_path / "x.zip", ["äpfel/x.png".encode("cp437"), b"b/x.png"], flags=0)
    assert source.labels == ("b", "äpfel")


def test_an_encrypted_archive_is_said_once(tmp_path, run_cli):
    path = tmp_path / "x.zip"
    with pytest.raises(DataError, match="is encrypted: unpack it with its password, and give the folder"):
        written(path, [b"a/x.png", b"b/x.png"], flags=0x801)
    run_cli("data", "check", path).fails("x.zip is encrypted")


def test_a_long_list_of_members_is_not_read(write, monkeypatch):
    monkeypatch.setattr(archive, "MOST_DIRECTORY_BYTES", 70_000)
    names = [member(f"{k % 2}/{k:060}.png", b"") for k in range(900)]
    with pytest.raises(DataError, match="its list of members has more than 70,000 bytes"):
        open_source(write(build(names)))


def test_a_large_member_of_little_is_not_unpacked(write):
    blank = cv2.imencode(".bmp", np.zeros((3000, 3000, 3), np.uint8))[1].tobytes()
    source = open_source(write(build([member("a/x.bmp", blank), member("b/x.png", image(0))])))
    with pytest.raises(DataError, match="unpacks from .* to 27,000,054 bytes, more than an image would"):
        source.read(source.items[0])


@pytest.mark.parametrize("method", [8, 12, 14])
@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_exactly_what_was_announced_is_unpacked(method, size):
    data = np.random.default_rng(1).integers(0, 3, size, np.uint8).tobytes()
    packed = member("x", data, method).packed

    def stream():
        left = [packed]

        def read(count):
            piece, left[0] = left[0][:count], left[0][count:]
            return piece

        return read

    assert unpack(stream(), unpacker(method, size), size) == data
    with pytest.raises(ValueError, match="fewer than"):
        unpack(stream(), unpacker(method, size + 1), size + 1)
    if size:
        with pytest.raises(ValueError, match="more than"):
            unpack(stream(), unpacker(method, size), size - 1)


@pytest.mark.parametrize("method", [8, 12, 14])
def test_what_is_cut_off_or_damaged_ends(method):
    data = image(2) * 50
    packed = member("x", data, method).packed
    rng = random.Random(0)
    for _ in range(60):
        broken = bytearray(packed[: rng.choice([len(packed), rng.randrange(len(packed))])] or b"x")
        broken[rng.randrange(len(broken))] = rng.randrange(256)
        pieces = iter([bytes(broken)])
        try:
            found = unpack(lambda _: next(pieces, b""), unpacker(method, len(data)), len(data))  # noqa: B023
            assert len(found) == len(data)
        except (ValueError, zlib.error, lzma.LZMAError, OSError, EOFError):
            pass


@pytest.mark.parametrize("depth", [101, 20_000])
def test_folders_without_an_end_inside_one_another_are_refused(write, depth):
    data = image(0)
    members = [member("cat/a.png", data), member("dog/a.png", data), member("a/" * depth + "a.png", data)]
    with pytest.raises(DataError, match=r"a/a/a/.* nested folders, 100 are read: expected"):
        open_source(write(build(members)))


def test_many_folders_inside_one_another_are_read(write):
    data = image(0)
    members = [member(f"{'x/' * 90}{name}/a.png", data) for name in ("cat", "dog")]
    assert open_source(write(build(members))).labels == ("cat", "dog")
