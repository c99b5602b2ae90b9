"""The keys of teaching in a terminal."""

import io
import threading

import pytest
from rich.console import Console

from edgecnn.teaching.terminal import TeachTerminal
from tests.conftest import until
from tests.edgecnn.teaching.conftest import draw

KINDS = ("red", "green")


@pytest.fixture
def terminal(teacher):
    with TeachTerminal(Console(file=io.StringIO()), teacher, KINDS) as made:
        yield made


def said(terminal) -> str:
    """Return the last line of the view, once nothing is being kept any more."""
    until(lambda: str(terminal._lines()[-1]) != "keeping …", "an answer")
    return str(terminal._lines()[-1])


def in_use(teacher) -> str | None:
    return next((entry["name"] for entry in teacher.state()["kept"] if entry["current"]), None)


@pytest.fixture
def worse(teacher, terminal, monkeypatch):
    """Keep a good version, and by the key another one, which measures as worse; return its name."""
    for kind in KINDS:
        for seed in range(3):
            teacher.add(kind, draw(kind, seed))
    teacher.keep("good")
    with monkeypatch.context() as measured:
        measured.setattr("edgecnn.teaching.versions.why_worse", lambda *_: "it is right less often")
        terminal.press("k")
        assert said(terminal).endswith("ask again to use it: press k again")
    assert in_use(teacher) == "good"
    return next(entry["name"] for entry in teacher.state()["kept"] if entry["name"] != "good")


def test_a_second_press_uses_a_worse_version(teacher, terminal, worse, monkeypatch):
    monkeypatch.setattr("edgecnn.teaching.versions.why_worse", lambda *_: "it is right less often")
    terminal.press("k")
    assert said(terminal) == f"kept {worse}: {teacher.versions.out}"
    assert in_use(teacher) == worse
    assert len(teacher.state()["kept"]) == 2


def test_after_a_recording_the_key_keeps_another_version(teacher, terminal, worse, monkeypatch):
    asked = []
    monkeypatch.setattr(teacher, "keep", lambda: asked.append("keep") or teacher.use("good"))
    terminal.press("1")
    terminal.press("k")
    assert said(terminal).startswith("kept good")
    assert asked == ["keep"]


def test_the_key_is_ignored_while_a_version_is_kept(teacher, terminal, monkeypatch):
    asked, ready = [], threading.Event()

    def keep():
        asked.append("keep")
        ready.wait(10)
        return teacher.use("none")

    monkeypatch.setattr(teacher, "keep", keep)
    terminal.press("k")
    terminal.press("k")
    ready.set()
    assert "no version" in said(terminal)
    assert asked == ["keep"]
