"""`edgecnn collect` and `edgecnn review`: teaching from scripts."""

import pytest

from edgecnn.teaching.photos import TaughtFolder
from edgecnn.teaching.recorder import encode
from edgecnn.teaching.review import FOLDER
from tests.edgecnn.teaching.conftest import draw

NAMES = ("1764334805123_0.512_red.jpg", "1764334806123_0.412_green.jpg")


@pytest.fixture
def unsure(tmp_path):
    """A folder of photos with two frames to review."""
    (tmp_path / "taught" / "red").mkdir(parents=True)
    (tmp_path / "taught" / FOLDER).mkdir()
    for name in NAMES:
        (tmp_path / "taught" / FOLDER / name).write_bytes(encode(draw("red", 1)))
    return tmp_path / "taught"


def test_frames_are_listed_and_labelled_by_the_path_that_is_shown(run_cli, unsure):
    out = run_cli("review", unsure).out
    assert "green 41.2%" in out
    shown = next(line.split()[-1] for line in out.splitlines() if "51.2%" in line)
    assert "photos of red now: 1" in run_cli("review", unsure, "--frame", shown, "--label", "red").out
    assert TaughtFolder(unsure).counts == {"red": 1}
    assert "dropped: 1" in run_cli("review", unsure, "--drop").out
    assert "no frame to review" in run_cli("review", unsure).out


def test_a_folder_that_is_missing_is_one_line(run_cli, tmp_path):
    run_cli("review", tmp_path / "none").fails("expected one that edgecnn teach fills")


@pytest.mark.slow
def test_collect_records_into_a_class_and_ends(run_cli, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "taught"
    camera = ("--source", "synthetic:scene=things,thing=cup,hold=3")
    out = run_cli("collect", folder, "--class", "cup", "--seconds", 4, *camera).out
    assert TaughtFolder(folder).counts["cup"] > 0
    assert f"{TaughtFolder(folder).counts['cup']} photos of cup" in out
