"""Each source has the digest of an image as it is stored."""

import hashlib
import zipfile

import numpy as np
import pytest

from edgecnn.dataset import open_source
from edgecnn.errors import DataError, ImageError
from tests.images import write_idx


def test_a_folder_an_archive_and_a_manifest_share_the_digest_of_the_file(photo_folder, tmp_path):
    archive, listed = tmp_path / "all.zip", tmp_path / "all.csv"
    paths = sorted(p for p in photo_folder.rglob("*") if p.is_file())
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in paths:
            file.write(path, path.relative_to(tmp_path))
    rows = [f"{p.relative_to(tmp_path)},{p.parent.name}" for p in paths]
    listed.write_text("\n".join(["path,label", *rows]) + "\n", "utf-8")
    expected = {hashlib.sha256(p.read_bytes()).digest() for p in paths}
    assert len(expected) == 40
    for path in (photo_folder, archive, listed):
        source = open_source(path)
        assert {source.digest(item) for item in source.items} == expected


def test_pixels_of_idx_files_are_digested(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (4, 5, 5), np.uint8)
    images[3] = images[0]
    for prefix, chosen in (("train", images), ("t10k", images[:2])):
        write_idx(tmp_path / f"{prefix}-images-idx3-ubyte", chosen)
        write_idx(tmp_path / f"{prefix}-labels-idx1-ubyte", np.arange(len(chosen)) % 2)
    source = open_source(tmp_path)
    found = [source.digest(item) for item in source.items if item.split == "train"]
    assert found[0] == hashlib.sha256(images[0].tobytes()).digest() == found[3]
    assert len(set(found)) == 3


def test_what_can_not_be_read_has_no_digest(photo_folder, tmp_path):
    source = open_source(photo_folder)
    (photo_folder / source.items[0].id).unlink()
    with pytest.raises(ImageError):
        source.digest(source.items[0])
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("a/1.png", "b/1.png"):
            file.writestr(name, b"content " * 20)
    data = bytearray(archive.read_bytes())
    data[data.index(b"content")] ^= 1
    archive.write_bytes(data)
    packed = open_source(archive)
    with pytest.raises(DataError, match="can't be unpacked"):
        packed.digest(packed.items[0])
    assert packed.digest(packed.items[1]) == hashlib.sha256(b"content " * 20).digest()
