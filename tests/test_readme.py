"""The README cannot rot: it shows every command, its Python runs, its figures are those of the bundles."""

import re
from pathlib import Path

import cv2
import pytest

from edgecnn.bundle import bundle
from edgecnn.cli import COMMANDS
from tests.conftest import draw_seven

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
LINES = [
    line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines() if line.startswith("edgecnn")
]


def test_its_two_commands_are_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    for target in ("demo", "test"):
        assert f"make {target} " in README
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_shown(name):
    assert any(line.split()[1] == name for line in LINES)


@pytest.mark.parametrize("code", [text for kind, text in BLOCKS if kind == "python"])
def test_its_python_runs(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("seven.png", draw_seven())
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("7 0.9")


def test_its_table_has_the_shipped_figures():
    for b in bundle.list_bundles():
        int8, float32 = b.variants["int8"], b.variants["float32"]
        row = f"| {int8.accuracy:.2%} | {float32.accuracy:.2%} | {int8.bytes / 1024:.1f} KiB |".replace(
            "%", " %"
        )
        assert any(
            line.startswith(f"| `{b.name}` |") and line.endswith(row) for line in README.splitlines()
        ), row
