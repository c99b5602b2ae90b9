import json
import os

import pytest

from edgecnn.io import cache
from edgecnn.io.cache import Cache, cache_folder


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "edgecnn"


def test_what_is_kept_is_found_again_and_last_said_counts(folder):
    Cache("table").put("a", {"n": 1})
    Cache("table").put("b", {"n": 2})
    Cache("table").put("a", {"n": 3})
    assert Cache("table").get("a") == {"n": 3}
    assert Cache("table").get("c") is None
    assert Cache("other").get("a") is None
    assert [p.name for p in folder.iterdir()] == ["table.json"], "nothing temporary is left"
    assert (folder / "table.json").stat().st_mode & 0o777 == 0o600, "no other user may read it"


def test_the_oldest_are_forgotten(monkeypatch):
    monkeypatch.setattr(cache, "MOST_ENTRIES", 3)
    table = Cache("table")
    for name in "abcda":
        table.put(name, {"is": name})
    assert [name for name in "abcd" if table.get(name)] == ["a", "c", "d"]


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": 5}', "[" * 100_000, "\udcff"])
def test_a_damaged_file_has_no_entries_and_is_written_again(folder, content):
    folder.mkdir()
    (folder / "table.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert Cache("table").get("a") is None
    Cache("table").put("a", {"n": 1})
    assert Cache("table").get("a") == {"n": 1}


def test_a_folder_that_can_not_be_written_is_no_error(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    Cache("table").put("a", {"n": 1})
    assert Cache("table").get("a") is None


def test_the_home_is_taken_without_the_variable(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "edgecnn"
    Cache("table").put("a", {"n": 1})
    assert json.loads((tmp_path / ".cache" / "edgecnn" / "table.json").read_text()) == {"a": {"n": 1}}


@pytest.mark.parametrize("kind", ["pipe", "folder", "zeros", "large"])
def test_a_file_that_is_none_of_ours_knows_nothing(folder, kind):
    folder.mkdir()
    path = folder / "table.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "zeros":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as file:
            file.truncate(1 << 40)
    assert Cache("table").get("a") is None
    Cache("table").put("a", {"n": 1})
    assert Cache("table").get("a") == (None if kind == "folder" else {"n": 1})
    assert [p.name for p in folder.iterdir()] == ["table.json"], "nothing temporary is left"
