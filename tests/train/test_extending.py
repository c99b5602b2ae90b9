"""docs/extending.md cannot rot: what it registers trains, in a process of its own, outside the packages."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgecnn.bundle.bundle import read_bundle

TEXT = (Path(__file__).parents[2] / "docs" / "extending.md").read_text("utf-8")
TINY = "[data]\nfolds = 0\n[input]\nwidth = 12\nheight = 12\n[model]\nfilters = [4]\ndense = [8]\n"


def snippets(heading, kind):
    """The code of one kind in a section."""
    section = re.split(r"^## ", TEXT, flags=re.MULTILINE)
    body = next(part for part in section if part.startswith(f"{heading}\n"))
    return re.findall(rf"```{kind}\n(.*?)```", body, re.DOTALL)


@pytest.fixture
def script(photo_folder, tmp_path):
    """The documented script and recipe next to a folder of photos; small and quick."""
    code = "\n".join(snippets("An augmentation", "python") + snippets("An optimizer", "python"))
    assert len(code.splitlines()) < 40
    (tmp_path / "train.py").write_text(code.replace('data="photos"', f"data={str(photo_folder)!r}, epochs=1"))
    recipe = "\n".join(snippets("An optimizer", "toml")) + TINY
    (tmp_path / "mine.toml").write_text(recipe)
    return tmp_path / "train.py"


@pytest.mark.slow
def test_a_recipe_trains_with_what_a_script_registers(script):
    done = subprocess.run(
        [sys.executable, script.name], cwd=script.parent, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    trained = read_bundle(script.parent / "mine-model").manifest.document["recipe"]
    assert (trained["train"]["optimizer"], trained["augment"]["vignette"]) == ("mine", 0.5)


def test_each_example_is_short():
    for heading in ("An augmentation", "An optimizer"):
        assert 0 < sum(len(code.splitlines()) for code in snippets(heading, "python")) < 30
