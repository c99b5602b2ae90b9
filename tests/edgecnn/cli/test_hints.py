"""Hints for mistyped names and for models that do not fit the data."""

import io
import sys

import cv2
import numpy as np
import pytest

from edgecnn.cli import doctor
from edgecnn.cli.evaluate_print import _heads
from edgecnn.io.printable import open_console
from tests.images import textured


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["clasify", "x.jpg"], "No such command 'clasify'. Did you mean 'classify'? see `edgecnn --help`"),
        (["models", "lst"], "Did you mean 'list'? see `edgecnn models --help`"),
        (["zzzzz"], "No such command 'zzzzz'; see `edgecnn --help`"),
    ],
    ids=["mistyped", "mistyped below", "unlike any"],
)
def test_an_unknown_command(run_cli, words, expected):
    ran = run_cli(*words)
    assert ran.code == 2
    assert expected in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["classify", "sevne.png"],
        ["evaluate", "digits", "--data", "sevne.png"],
        ["live", "--source", "sevne.png"],
        ["inspect", "sevne.png"],
        ["train", "sevne.png"],
    ],
    ids=lambda words: words[0],
)
def test_a_missing_path(run_cli, tmp_path, monkeypatch, words):
    (tmp_path / "seven.png").touch()
    monkeypatch.chdir(tmp_path)
    ran = run_cli(*words)
    assert ran.code == 1
    assert "did you mean 'seven.png'?" in ran.err
    assert "?;" not in ran.err


def test_an_unknown_setting(run_cli):
    ran = run_cli("train", "mnist-classic", "--set", "input.widht=32")
    assert "'input.widht': did you mean 'input.width'?" in ran.err


@pytest.fixture
def colour(tmp_path):
    grey = textured(64)
    path = tmp_path / "colour.png"
    cv2.imwrite(str(path), np.stack([grey, 255 - grey, np.roll(grey, 20, 0)], -1))
    return path


def test_digits_proposes_another_model_for_what_is_none(run_cli, colour, seven):
    sure = ("--threshold", 1)
    ran = run_cli("classify", colour, *sure)
    assert (ran.code, ran.out.split()[1]) == (0, "unknown")
    assert "digits knows 10 classes (0, 1, 2, …) in gray images of 28×28 pixels" in ran.err
    assert len(ran.err.splitlines()) == 1
    assert run_cli("classify", seven, colour).err == "", "one of them it knew"
    assert run_cli("classify", colour, "--model", "cifar10", *sure).err == ""


def test_live_proposes_another_model_at_its_end(run_cli, tmp_path):
    for k in range(40):
        cv2.imwrite(str(tmp_path / f"{k}.png"), np.full((40, 40), 99, np.uint8))
    strange = ("live", "--source", tmp_path, "--show", "none", "--threshold", 1, "--frames")
    assert "looks like none of them" in run_cli(*strange, 40).err
    assert run_cli(*strange, 10).err == ""
    true = ("live", "--source", "synthetic:fps=0", "--show", "none", "--frames", 40)
    assert run_cli(*true, "--threshold", 1).err == "", "which shows digits, however badly"


def test_class_names_stand_in_full_where_they_fit(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert _heads(["glass", "cardboard", "paper"], 99) == ["glass", "cardboard", "paper"]
    many = [f"{k}-automobile" for k in range(10)]
    heads = _heads(many, 1000)
    assert all(len(head) == 4 for head in heads)
    monkeypatch.setenv("COLUMNS", "300")
    assert _heads(many, 1000) == many


LONG = "engine litert, chosen by auto; not edgetpu: no Edge TPU is plugged in; not tflite-runtime: too old"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("how", ["console", "doctor"])
def test_a_terminal_of_eighty_columns_breaks_no_word(monkeypatch, how):
    monkeypatch.setenv("COLUMNS", "80")
    out = Terminal()
    if how == "console":
        open_console(file=out, force_terminal=True, width=80).print(LONG, soft_wrap=True)
    else:
        monkeypatch.setattr(sys, "stdout", out)
        doctor._print_line(LONG)
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert " ".join(" ".join(lines).split()) == LONG


def test_a_pipe_gets_whole_lines():
    out = io.StringIO()
    open_console(file=out, width=80).print(LONG, soft_wrap=True)
    assert out.getvalue() == LONG + "\n"
