import gzip
import struct

import numpy as np
import pytest

from edgecnn.dataset import idx, open_source
from edgecnn.errors import DataError
from tests.images import write_idx


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "numbers"
    folder.mkdir()
    for prefix in ("train", "t10k"):
        write_idx(folder / f"{prefix}-images-idx3-ubyte", np.zeros((20, 28, 28)))
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", np.arange(20) % 10)
    return folder


def header(*shape, kind=8):
    return bytes([0, 0, kind, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is not an IDX file"),
        (
            header(20, 28, 28, kind=13) + bytes(20 * 784 * 4),
            "has 3 dimensions of float32, expected 3 of uint8",
        ),
        (header(20, 784) + bytes(20 * 784), "has 2 dimensions of uint8, expected 3"),
        (header(20, 28, 28, kind=77), "the unknown type 77"),
        (header(2**32 - 1, 2**32 - 1, 2**32 - 1), "expected at most 2,000,000 images"),
        (header(1, 20_000, 1) + bytes(20_000), "with sides of at most 16,384"),
        (header(20, 28, 28) + bytes(20 * 784 - 1), "claims 20×28×28 values, but is truncated"),
        (header(20, 28, 28) + bytes(20 * 784 + 1), "claims 20×28×28 values, but has more"),
        (header(20, 0, 0), "20 images of 0×0 and 20 labels"),
        (header(0, 28, 28), "0 images of 28×28 and 20 labels"),
        (header(19, 28, 28) + bytes(19 * 784), "19 images of 28×28 and 20 labels"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_the_header_says_is_checked(folder, data, said, packed):
    path = folder / "train-images-idx3-ubyte"
    path.unlink()
    (folder / f"{path.name}.gz").write_bytes(gzip.compress(data)) if packed else path.write_bytes(data)
    with pytest.raises(DataError) as error:
        open_source(folder)
    if not (packed and "truncated" in said):
        assert said in str(error.value)
    else:
        assert "truncated" in str(error.value)


@pytest.mark.parametrize(
    ("tail", "said"), [(b"junk", "Not a gzipped file"), (gzip.compress(b"x", mtime=0), "but has more")]
)
def test_what_follows_a_gzip_file_is_no_part_of_it(folder, tail, said):
    path = folder / "train-labels-idx1-ubyte"
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()) + tail)
    path.unlink()
    with pytest.raises(DataError, match=said):
        open_source(folder)


def test_all_files_together_are_limited(folder, monkeypatch):
    monkeypatch.setattr(idx, "MOST_BYTES", 20 * 784 + 20)
    with pytest.raises(DataError, match="its files claim 31,400 values, expected at most 15,700"):
        open_source(folder)


def test_labels_may_be_any_byte(folder):
    write_idx(folder / "t10k-labels-idx1-ubyte", np.full(20, 255))
    source = open_source(folder)
    assert len(source.labels) == 256
    assert source.items[-1].label == 255
