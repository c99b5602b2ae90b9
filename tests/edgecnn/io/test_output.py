import os
import stat
import threading

import pytest

from edgecnn.errors import OutputError
from edgecnn.io.output import check_target, write_bytes, write_text


def fails(target, message):
    for call in (lambda: check_target(target), lambda: write_bytes(target, b"new")):
        with pytest.raises(OutputError, match=message) as caught:
            call()
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 400


def test_a_file_is_replaced_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "a.json"
    write_text(str(path), "é")
    assert path.read_bytes() == "é".encode()
    path.chmod(0o600)
    write_bytes(str(path), b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o600)
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "link").symlink_to("deep/real")
    for content in (b"first", b"second"):
        check_target(str(tmp_path / "link"))
        write_bytes(str(tmp_path / "link"), content)
        assert (tmp_path / "deep" / "real").read_bytes() == content
        assert os.readlink(tmp_path / "link") == "deep/real"


def test_what_can_not_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere/x")
    (tmp_path / "loop").symlink_to("loop")
    fails(str(tmp_path), "can't be written: it is a folder")
    fails(str(tmp_path / "nowhere" / "x"), "no such folder|No such file")
    fails(str(tmp_path / "dangling"), "no such folder|No such file")
    fails(str(tmp_path / "file" / "x"), "Not a directory")
    fails(str(tmp_path / "loop"), "Too many levels of symbolic links")
    fails(str(tmp_path / ("x" * 300)), "…xxx.*File name too long")
    fails(str(tmp_path / "a\0b"), "no file can have this name")
    fails(f"{tmp_path}/a\ud800", "no file can have this name")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dangling", "file", "loop"]


def test_the_longest_name_can_be_written(tmp_path):
    for name in ("x" * 255, "ü" * 127):
        write_bytes(str(tmp_path / name), b"new")
        assert (tmp_path / name).read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_pipe_with_a_reader_is_written_to(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(OutputError, match="no process reads from it"):
        write_bytes(str(path), b"new")
    got = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    reader.start()
    write_bytes(str(path), b"new" * 100_000)
    reader.join(30)
    os.close(handle)
    assert got == [b"new" * 100_000]
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_full_disk_leaves_the_old_file(tmp_path):
    write_bytes("/dev/null", b"new")
    fails_on_full = pytest.raises(OutputError, match="/dev/full can't be written: No space left")
    with fails_on_full:
        write_bytes("/dev/full", b"new")


def test_names_that_are_no_text_become_their_own_bytes(tmp_path):
    path = tmp_path / "list.csv"
    write_text(str(path), "caf\udce9.jpg\n")
    assert path.read_bytes() == b"caf\xe9.jpg\n"
    write_text(str(path), "\ud800")
    assert path.read_bytes() == b"?"


def test_only_what_a_kill_left_is_removed(tmp_path):
    path, left = tmp_path / "a", tmp_path / ".a.edgecnn-0123456789abcdef"
    kept = [tmp_path / ".a.edgecnn-0123456789abcde", tmp_path / ".b.edgecnn-0123456789abcdef"]
    for file in (left, *kept):
        file.write_bytes(b"half")
    write_bytes(str(path), b"new")
    assert sorted(tmp_path.iterdir()) == sorted([path, *kept])
