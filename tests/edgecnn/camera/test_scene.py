import os

import pytest

from edgecnn.camera.scene import NOTHING, THINGS, NamedInFile, describe_scenes, expected_thing


def test_the_file_is_read_again_when_it_changes(tmp_path, capfd):
    path = tmp_path / "shown"
    shown = NamedInFile(str(path))
    assert shown() == NOTHING
    path.write_text("cup\n")
    assert (shown(), shown()) == ("cup", "cup")
    path.write_text("ball")
    assert shown() == "ball"
    other = tmp_path / "other"
    other.write_text("book")
    other.replace(path)
    assert shown() == "book"
    path.write_text("")
    assert shown() == NOTHING
    path.unlink()
    assert shown() == NOTHING
    assert capfd.readouterr().err == ""


def test_a_file_that_did_not_change_is_not_read(tmp_path):
    path = tmp_path / "shown"
    path.write_text("cup")
    shown, before = NamedInFile(str(path)), path.stat()
    assert shown() == "cup"
    with path.open("r+") as file:
        file.write("box")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert shown() == "cup"
    os.utime(path)
    assert shown() == "box"


@pytest.mark.parametrize("content", [b"cups", b"\xff\x1b[2J", b"two\nlines"])
def test_another_text_shows_nothing_and_is_reported_once(tmp_path, capfd, content):
    path = tmp_path / "shown"
    path.write_bytes(content)
    shown = NamedInFile(str(path))
    assert (shown(), shown()) == (NOTHING, NOTHING)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].isprintable()
    assert "so nothing is shown: expected one of apple, ball" in lines[0]
    path.write_text("cup")
    assert shown() == "cup"


def test_what_is_no_file_shows_nothing(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "long").write_text("cup" + " " * 2000)
    for name in ("pipe", "long", "."):
        assert NamedInFile(str(tmp_path / name))() == NOTHING


def test_the_nearest_thing_is_proposed():
    assert expected_thing("bananna").endswith("did you mean banana?")
    assert "did you mean" not in expected_thing("elephant")


def test_each_thing_is_described():
    text = " ".join(describe_scenes())
    assert len(THINGS) >= 7
    assert all(name in text for name in THINGS[:-1])
    assert "scene=things" in text
