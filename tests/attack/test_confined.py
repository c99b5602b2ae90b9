"""Attacks write in their own folders alone."""

import subprocess
import sys

import pytest

from tests.attack.confined import confine
from tests.attack.forked import ROOT

SCRIPT = """
import sys
from pathlib import Path
from tests.attack.confined import confine
inside, outside = map(Path, sys.argv[1:])
if not confine([inside]):
    sys.exit(77)
(inside / "folder").mkdir()
(inside / "a").write_text("x")
(inside / "a").rename(inside / "folder" / "b")
Path("/dev/null").write_text("x")
assert Path(sys.executable).is_file()
for path in (outside / "file", outside / "new", inside / "link"):
    try:
        path.write_text("changed")
    except PermissionError:
        continue
    sys.exit(f"{path} was written")
"""


def test_nothing_is_written_elsewhere(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "file").write_text("mine")
    (inside / "link").symlink_to(outside / "file")
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, inside, outside], cwd=ROOT, capture_output=True, text=True
    )
    if ran.returncode == 77:
        pytest.skip("needs Landlock, of Linux 6.2 or later")
    assert ran.returncode == 0, ran.stderr
    assert (outside / "file").read_text() == "mine"
    assert [p.name for p in outside.iterdir()] == ["file"]


def test_commands_are_confined(commands, tmp_path_factory):
    outside = ROOT / "build"
    if not commands.confined:
        pytest.skip("needs Landlock, of Linux 6.2 or later")
    refused = commands.run("doctor", "--json", outside / "never.json")
    assert not (outside / "never.json").exists(), refused
    assert callable(confine)
