import os

import pytest

from edgecnn.io.nearby import did_you_mean, nearest


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "shots" / "cats").mkdir(parents=True)
    (tmp_path / "shots" / "cats" / "one.jpg").touch()
    (tmp_path / ".hidden").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("shos", "shots"),
        ("shots/cast", "shots/cats"),
        ("shts/cats/one.jpg", "shots/cats/one.jpg"),
        ("./shots/cats/one.jpgg", "./shots/cats/one.jpg"),
    ],
)
def test_the_first_wrong_part_is_fixed(here, typed, meant):
    assert did_you_mean(typed) == f"; did you mean {meant!r}?"
    assert did_you_mean(here / typed) == f"; did you mean {os.path.normpath(here / meant)!r}?"


@pytest.mark.parametrize(
    "typed", ["", "quite other", "hidden", "shts/dogs", "shots", "shots/cats/one.jpg/x", "a\0b", "x" * 5000]
)
def test_nothing_is_made_up(here, typed):
    assert did_you_mean(typed) == ""


def test_a_folder_that_may_not_be_read_says_nothing(here):
    (here / "shots").chmod(0)
    try:
        assert did_you_mean("shots/cast") in ("", "; did you mean 'shots/cats'?")  # root may read all
    finally:
        (here / "shots").chmod(0o755)


def test_the_nearest_of_some_names():
    assert nearest("clasify", ["bench", "classify"]) == "classify"
    assert nearest("zzz", ["bench", "classify"]) is None
