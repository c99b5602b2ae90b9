import hashlib
import os
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from edgecnn.learning import store
from edgecnn.learning.store import Store


def key(k):
    return hashlib.sha256(f"{k}".encode()).digest()


def row(k, values=8):
    return np.full(values, k % 100, np.int8)


def put(*numbers):
    with Store("int8", 8) as kept:
        for k in numbers:
            kept.put(key(k), row(k))


def kept_of(*numbers):
    with Store("int8", 8) as kept:
        return [k for k in numbers if kept.get(key(k)) is not None]


def test_what_is_put_is_found_immediately_and_by_the_next_store(empty_cache):
    with Store("int8", 8) as kept:
        kept.put(key(1), row(1))
        np.testing.assert_array_equal(kept.get(key(1)), row(1))
        assert kept.get(key(2)) is None
    with Store("int8", 8) as again:
        np.testing.assert_array_equal(again.get(key(1)), row(1))
    assert sorted(p.name for p in empty_cache.iterdir()) == ["embeddings.sqlite3"]


def test_another_type_or_size_is_not_taken():
    put(1)
    with Store("float32", 2) as kept:
        assert kept.get(key(1)).dtype == np.float32, "as many bytes: the key tells trunks apart"
    with Store("int8", 9) as kept:
        assert kept.get(key(1)) is None
        kept.put(key(1), row(1, 9))
    with Store("int8", 9) as kept:
        assert kept.get(key(1)).size == 9
    assert kept_of(1) == []


def test_a_store_may_be_closed_twice_and_then_forgets():
    kept = Store("int8", 8)
    kept.put(key(1), row(1))
    kept.close()
    kept.close()
    kept.put(key(2), row(2))
    assert kept.get(key(1)) is None
    assert kept_of(1, 2) == [1]


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(5000)])
def test_a_damaged_file_is_no_error_and_is_replaced(empty_cache, content):
    empty_cache.mkdir(parents=True)
    (empty_cache / "embeddings.sqlite3").write_bytes(content)
    put(1)
    put(2)
    assert kept_of(1, 2)[-1:] == [2]


def test_a_file_that_is_damaged_later_is_no_error(empty_cache):
    put(*range(500))
    path = empty_cache / "embeddings.sqlite3"
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(data)
    assert len(kept_of(*range(500))) < 500
    put(1000)
    put(1001)
    assert kept_of(1001) == [1001]


def test_a_table_of_another_form_is_no_error(empty_cache):
    empty_cache.mkdir(parents=True)
    base = sqlite3.connect(empty_cache / "embeddings.sqlite3")
    base.execute("CREATE TABLE embeddings (key TEXT)")
    base.execute("INSERT INTO embeddings VALUES ('x')")
    base.commit()
    base.close()
    put(1)
    assert kept_of(1) == []


def test_a_locked_file_is_no_error(empty_cache, monkeypatch):
    real = sqlite3.connect
    monkeypatch.setattr(store.sqlite3, "connect", lambda path, timeout: real(path, timeout=0.1))
    put(1)
    other = real(empty_cache / "embeddings.sqlite3", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        put(*range(2, 80))
        assert kept_of(1, 2) == [1], "it can be read"
    finally:
        other.close()
    put(2)
    assert kept_of(1, 2) == [1, 2]


def test_a_folder_that_can_not_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    put(1)
    assert kept_of(1) == []
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(store, "cache_folder", lambda: None)
    put(1)
    assert kept_of(1) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_no_error(empty_cache):
    put(1)
    empty_cache.chmod(0o500)
    try:
        put(2)
        assert set(kept_of(1, 2)) <= {1}
    finally:
        empty_cache.chmod(0o700)


def test_the_oldest_are_dropped(monkeypatch):
    monkeypatch.setattr(store, "_MOST_BYTES", 10 * 8)
    put(*range(8))
    put(*range(8, 16))
    assert kept_of(*range(16)) == list(range(6, 16))


def test_a_stop_loses_few(empty_cache):
    """A process that is killed has kept all but those of the last write."""
    code = (
        "import os\n"
        "from tests.edgecnn.learning.test_store import Store, key, row\n"
        "kept = Store('int8', 8)\n"
        "for k in range(100): kept.put(key(k), row(k))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert kept_of(*range(100)) == list(range(96))


WRITER = """
import sys, time
from tests.edgecnn.learning.test_store import Store, key, row
first = int(sys.argv[1])
with Store('int8', 8) as kept:
    for k in range(first, first + 200):
        kept.put(key(k), row(k))
        time.sleep(0.001)
"""


def test_two_processes_write_at_the_same_time():
    both = [subprocess.Popen([sys.executable, "-c", WRITER, str(first)]) for first in (0, 200)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert kept_of(*range(400)) == list(range(400))


def test_a_process_that_computes_does_not_hold_up_another_one(empty_cache):
    with Store("int8", 8) as slow:
        slow.put(key(1), row(1))
        base = sqlite3.connect(empty_cache / "embeddings.sqlite3", timeout=0, isolation_level=None)
        base.execute("BEGIN IMMEDIATE")
        base.close()
    assert kept_of(1) == [1]
