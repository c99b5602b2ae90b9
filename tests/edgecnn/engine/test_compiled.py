import os

import pytest

from edgecnn.bundle import bundle
from edgecnn.engine import compiled
from edgecnn.engine.compiled import CompiledModels


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "edgecnn" / "engine"


def test_a_compiled_model_comes_back_under_its_key():
    kept = CompiledModels("engine")
    model = bundle.open_model("digits")
    first, second = kept.key(model, "1 thread"), kept.key(model, "2 threads")
    assert first != second
    assert first == kept.key(model, "1 thread")
    assert first != kept.key(bundle.open_model("digits", "float32"), "1 thread")
    assert kept.get(first) is None
    kept.put(first, b"compiled")
    assert kept.get(first) == b"compiled"
    assert kept.get(second) is None


@pytest.mark.parametrize("damage", [lambda c: c[:-1], lambda c: c[:10], lambda c: b"", lambda c: c + b"x"])
def test_a_damaged_one_counts_as_none(folder, damage):
    kept = CompiledModels("engine")
    kept.put("key", b"compiled")
    [file] = folder.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert kept.get("key") is None


def test_those_used_longest_ago_go_first(folder, monkeypatch):
    kept = CompiledModels("engine")
    monkeypatch.setattr(compiled, "MOST_BYTES", 300)
    for k in range(4):
        kept.put(str(k), bytes(60))
        os.utime(folder / f"{k}.blob", (k, k))
    assert [kept.get(str(k)) is not None for k in range(4)] == [False, True, True, True]
    kept.get("1")  # which is used now
    kept.put("4", bytes(60))
    assert [kept.get(str(k)) is not None for k in range(5)] == [False, True, False, True, True]


def test_without_a_folder_nothing_is_kept(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    kept = CompiledModels("engine")
    kept.put("key", b"compiled")
    assert kept.get("key") is None
