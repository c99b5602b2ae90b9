"""The README cannot rot: short, a page for every command, Python that runs, the bundles' own figures."""

import re
from pathlib import Path

import cv2
import pytest

from edgecnn.bundle import bundle
from edgecnn.cli.root import COMMANDS
from tests.conftest import draw_seven

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def test_its_two_commands_are_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    for target in ("demo", "test"):
        assert f"make {target} " in README
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_it_is_short():
    assert len(README.split()) < 800
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    for paragraph in re.split(r"\n\s*\n|\n(?=[-|])", prose):
        assert len(paragraph.split()) <= 60, paragraph


def test_it_has_one_image():
    assert len(re.findall(r"!\[", README)) == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_page_in_the_index(name):
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    page = re.search(rf"^\| `edgecnn {name}` \| \[.+\]\((\w+\.md)\) \|$", index, re.MULTILINE)
    assert page
    text = (ROOT / "docs" / page[1]).read_text("utf-8")
    assert re.search(rf"^edgecnn {name}\b", text, re.MULTILINE)


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
