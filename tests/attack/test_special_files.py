"""A short run of the attacks in `special_files.py`, and links in circles."""

import pytest

from tests.attack import special_files


@pytest.mark.slow
def test_each_is_answered_or_refused(commands, tmp_path):
    outcomes = special_files.run(commands, 40, 7, tmp_path)
    assert [o for o in outcomes if not o.good] == []
    assert {o.verdict for o in outcomes} == {"answer", "refused"}


@pytest.mark.parametrize("asked", [("data", "check"), ("evaluate", "digits", "--data")])
def test_links_in_circles_end_and_are_said(commands, tmp_path, asked):
    special_files.prepare(tmp_path)
    data = tmp_path / "data"
    for name in ("one", "two", "3/three"):
        (data / name).symlink_to(data)
    found = commands.run(*asked, data)
    assert found.verdict == "answer", found
    assert "left out 3 links to what was read already: 3/three, one, two" in found.err
    assert "30 images" in found.out


@pytest.mark.parametrize("kind", ["pipe", "zero", "socket", "dangling", "circle"])
def test_a_token_file_that_is_none(commands, tmp_path, kind):
    special_files.MAKERS[kind](tmp_path / "token")
    asked = ("--show", "web", "--port", "0", "--token-file", tmp_path / "token", "--frames", "1")
    found = commands.run("live", "--source", "synthetic", *asked)
    assert found.verdict == "refused", found
    assert "token" in found.err
    assert len(found.err.splitlines()) == 1
