"""docs/learn.md from zero to a label, as it stands: its commands, on photos of colored things."""

import json
import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "learn.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def write_photo(path, color, rng):
    """A disc of a color on a mottled ground."""
    ground = cv2.resize(rng.integers(60, 200, (6, 8, 3), dtype=np.uint8), (320, 240))
    cv2.circle(ground, tuple(rng.integers(90, 150, 2).tolist()), int(rng.integers(40, 80)), color, -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), ground)


@pytest.mark.slow
def test_its_five_commands_lead_to_a_label(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # other tests count the models there
    rng = np.random.default_rng(1)
    colors = {"red": (30, 30, 220), "green": (40, 190, 40), "blue": (220, 60, 30)}
    for label, color in colors.items():
        for k in range(20):
            write_photo(Path("my-photos", label, f"{k}.jpg"), color, rng)
    write_photo(Path("photo.jpg"), colors["green"], rng)
    lines = [shlex.split(line, comments=True) for line in BLOCKS[0].splitlines()]
    assert len(lines) == 5
    assert [words[0] for words in lines] == ["python3", "pip", "edgecnn", "edgecnn", "edgecnn"]
    learned, classified, live = (words[1:] for words in lines[2:])

    found = run_cli(*learned)
    assert found.code == 0, found.err
    assert re.search(r"of 60 photos, each by a head that had not seen it, correctly", found.out)
    assert "Twice the photos" in found.out or "all test photos are right" in found.out
    assert Path("my-photos-model.report.html").exists()
    fit = json.loads(run_cli("inspect", "./my-photos-model", "--json", "-").out)["edge_tpu"]
    assert fit["operators"] - fit["on_cpu"] == 63, "docs/coral.md: all of them run on an Edge TPU"

    found = run_cli(*classified)
    assert found.code == 0, found.err
    assert re.match(r"photo\.jpg +green 0\.\d+|photo\.jpg +green 1\.0", found.out)

    # No camera is connected where tests run.
    found = run_cli(*live, "--source", "my-photos/red", "--frames", "3", "--show", "none", "--jsonl", "seen")
    assert found.code == 0, found.err
    labels = [json.loads(line)["predictions"][0]["label"] for line in Path("seen").read_text().splitlines()]
    assert labels == ["red"] * 3


def test_its_output_is_what_is_printed():
    """The lines of the example have the words of the program's."""
    shown = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)[1]
    code = (ROOT / "edgecnn/learning/sentences.py").read_text("utf-8")
    code += (ROOT / "edgecnn/learning/curve.py").read_text("utf-8")
    for words in (
        "right by photos a class: ",
        "mislabelled? ",
        " looks like ",
        "nearly the same: ",
        "Twice the photos would give about ",
        "mostly taken for ",
        "expect ",
    ):
        assert words in shown
        assert words in code
