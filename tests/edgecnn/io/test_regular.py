"""Only regular files are opened, and never with a wait."""

import os
import socket

import pytest

from edgecnn.io.regular import (
    forget_read,
    open_regular,
    read_regular,
    remember_read,
    take_read,
    was_read,
)


def test_a_regular_file_and_a_link_to_one(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    (tmp_path / "link").symlink_to(path)
    assert read_regular(path) == read_regular(tmp_path / "link") == read_regular(path, 3) == b"abc"
    with open_regular(str(path)) as file:
        assert file.read(2) == b"ab"


def test_one_that_is_too_large(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abcd")
    with pytest.raises(OSError, match="more than 3 bytes"):
        read_regular(path, 3)


@pytest.mark.parametrize("kind", ["pipe", "zero", "socket", "folder"])
def test_what_is_no_regular_file(tmp_path, kind):
    path = tmp_path / "a"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "zero":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))
    with pytest.raises(OSError) as error:
        read_regular(path)
    assert error.value.strerror


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "\ud800"])
def test_a_name_that_no_file_can_have(tmp_path, name):
    with pytest.raises(OSError) as error:
        read_regular(tmp_path / name)
    assert error.value.strerror


@pytest.mark.slow
def test_a_large_datasets_last_image_is_remembered_too(tmp_path):
    for i in range(12_000):
        (tmp_path / str(i)).touch()
        open_regular(tmp_path / str(i)).close()
    assert was_read(tmp_path / "11999")
    forget_read()
    assert not was_read(tmp_path / "11999")


def test_a_ctrl_c_while_a_file_is_made_is_no_other_error(tmp_path, monkeypatch):
    """Such a file is closed immediately, and with it its handle."""
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    fdopen = os.fdopen

    def interrupted(handle, mode):
        fdopen(handle, mode).close()
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fdopen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_regular(path)


def test_what_another_process_has_read_is_remembered_where_it_is_told(tmp_path):
    one, other = tmp_path / "a", tmp_path / "b"
    for path in (one, other):
        path.write_bytes(b"abc")
    forget_read()
    read_regular(one)
    told = take_read()
    assert not was_read(one)
    read_regular(other)
    remember_read(told)
    assert was_read(one)
    assert was_read(other)
    remember_read({})
    assert sum(map(len, take_read().values())) == 2
