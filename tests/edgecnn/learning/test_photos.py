from collections import Counter

import numpy as np
import pytest

from edgecnn.bundle.input_spec import Given
from edgecnn.dataset import open_source
from edgecnn.learning.embedder import Embedder
from edgecnn.learning.material import OtherThings
from edgecnn.learning.photos import Reader
from edgecnn.learning.trunk import open_trunk
from tests.edgecnn.learning.test_append import as_uint8
from tests.edgecnn.tflite.test_builder import run
from tests.models import float_edges
from tests.trunks import RANGE, inputs, tiny_float, tiny_int8, write_classes


@pytest.fixture
def read(tiny):
    trunk = open_trunk(str(tiny), None, Given(value_range=RANGE))
    with Embedder(trunk) as embedder:
        yield Reader(trunk, embedder).read


@pytest.fixture
def source(tmp_path):
    return open_source(write_classes(tmp_path / "photos", {"a": 3, "b": 4}))


def test_photos_are_embedded_once_in_each_view(read, source):
    shown = []
    first = read(source, source.items, ("mirror",), lambda done, total: shown.append((done, total)))
    assert (len(first), first.computed, first.skipped) == (7, 14, ())
    assert shown == [(k, 7) for k in range(8)]
    assert Counter(first.labels.tolist()) == {0: 3, 1: 4}
    assert {name: rows.shape for name, rows in first.views.items()} == {"plain": (7, 48), "mirror": (7, 48)}
    again = read(source, source.items, ("mirror",))
    assert again.computed == 0
    for name in first.views:
        np.testing.assert_array_equal(again.views[name], first.views[name])
    assert read(source, source.items, ("closer",)).computed == 7, "plain ones are kept"


def test_a_photo_that_moves_is_kept_and_one_that_changes_is_computed(read, source, tmp_path):
    read(source, source.items)
    folder = tmp_path / "photos"
    (folder / "a" / "0.png").rename(folder / "b" / "moved.png")
    write_classes(folder, {"a": 0, "b": 1}, seed=4, first=1)
    after = open_source(folder)
    assert read(after, after.items).computed == 1


def test_photos_that_can_not_be_read_are_left_out(read, source, tmp_path):
    (tmp_path / "photos" / "a" / "1.png").write_bytes(b"no image")
    (tmp_path / "photos" / "b" / "0.png").unlink()
    found = read(source, source.items)
    assert [i.id for i in found.items] == ["a/0.png", "a/2.png", "b/1.png", "b/2.png", "b/3.png"]
    assert len(found.skipped) == 2
    assert found.plain.shape == (5, 48)
    none = read(source, [])
    assert (len(none), none.plain.shape) == (0, (0, 48))


def test_photos_are_taken_by_places_and_by_marks(read, source):
    found = read(source, source.items)
    taken = found.take([5, 0])
    assert [i.id for i in taken.items] == [found.items[5].id, found.items[0].id]
    np.testing.assert_array_equal(taken.plain, found.plain[[5, 0]])
    assert len(found.take(found.labels == 1)) == 4
    assert len(found.take(np.zeros(7, bool))) == 0


@pytest.mark.parametrize("kind", ["float32", "int8", "uint8", "float edges"])
def test_embeddings_are_those_of_the_whole_network(tmp_path, kind):
    makers = {
        "float32": tiny_float,
        "int8": tiny_int8,
        "uint8": lambda: as_uint8(tiny_int8()),
        "float edges": lambda: float_edges(tiny_int8()),
    }
    data = makers[kind]()
    path = tmp_path / "trunk.tflite"
    path.write_bytes(data)
    trunk = open_trunk(str(path), "unsigned" if kind == "uint8" else None, Given(value_range=RANGE))
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    with Embedder(trunk, "litert") as embedder:
        raw = embedder(pixels)
        real = embedder.real(raw)
    assert raw.dtype == (kind if kind != "float edges" else np.int8)
    image = ((pixels[None, ..., ::-1].astype(np.float32)) - 127) / 128
    entry = trunk.main.file.inputs[0]
    if entry.dtype != "float32":
        image = (pixels[None, ..., ::-1] ^ 128).view(np.int8)
    whole = run(data, np.ascontiguousarray(image), tensors=[trunk.main.place])[-1].reshape(-1)
    if trunk.main.embedding.scale:
        own = trunk.main.embedding
        assert np.abs(raw.astype(int) - whole).max() <= 1
        np.testing.assert_allclose(real, (raw.astype(np.float32) - own.zero_point) * own.scale, rtol=1e-6)
    else:
        np.testing.assert_allclose(real, whole, atol=1e-4)


def test_a_trunk_is_another_one_where_its_cut_or_input_is(tiny):
    one = open_trunk(str(tiny), None, Given(value_range=RANGE))
    cut = open_trunk(str(tiny), "logits", Given(value_range=RANGE))
    other = open_trunk(str(tiny), None, Given(value_range=RANGE, color="bgr"))
    assert len({one.key, cut.key, other.key}) == 3
    assert open_trunk(str(tiny), "embedding", Given(value_range=RANGE)).key == one.key


def test_other_things_are_files_of_a_folder(tmp_path):
    folder = write_classes(tmp_path / "others", {"x": 2, "y": 1})
    others = OtherThings(folder, 7)
    assert [i.label for i in others.items] == [7, 7, 7]
    assert others.read(others.items[0]).shape == (48, 64, 3)
    assert len({others.digest(item) for item in others.items}) == 3


def test_inputs_of_the_fixtures_are_repeatable():
    assert all((a == b).all() for a, b in zip(inputs(3), inputs(3), strict=True))
