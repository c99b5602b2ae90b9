"""No untrusted text commands a terminal, and a missing terminal, pipe or disk is handled."""

import os
import pty
import re
import shutil
import subprocess
import sys
import time

import pytest

from tests.attack import options, terminals
from tests.attack.forked import counts

TITLE = "\x1b]0;owned\x07"
MARKUP = "[/b] [red]x[link=http://a] :smile:"
# Commands that end soon, with what they print on stdout where all is well.
RUNS = {
    ("classify", "seven.png"): "seven.png",
    ("live", *options.BASE["live"]): "3 frames",
    ("live", "--source", "synthetic:fps=0", "--frames", "3", "--show", "terminal"): "3 frames",
    ("live", *options.BASE["live"], "--jsonl", "-"): '"source"',
    ("cameras",): "",
    ("doctor",): "failures",
    ("inspect", "digits"): "operator",
    ("evaluate", "bare.tflite", "--labels", "labels.txt", "--data", "images"): "top-1",
    ("compile", "digits"): "",
    ("models",): "digits",
    ("models", "verify", "digits"): "hash ok",
    ("models", "export", "digits"): "bytes",
    ("models", "import", "bare.tflite", "--name", "mine"): "imported",
    ("train", "digits", "--data", "nowhere"): "",
    ("data", "check", "images"): "images",
    ("data", "preview", "images"): "preview",
}
LONG = {("bench", *options.BASE["bench"]): "p50", ("models", "compare", "digits"): "top-1"}


def name_of(run):
    return " ".join(run)


@pytest.mark.slow
def test_untrusted_texts_stay_texts(commands, tmp_path):
    outcomes = terminals.run(commands, len(terminals.COMMANDS), 11, tmp_path)
    bad = [o for o in outcomes if not o.good]
    assert not bad, counts(outcomes)


@pytest.mark.slow
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_closed_streams_change_no_exit_code(commands, folder, closed):
    runs = RUNS | LONG if closed == (0, 1, 2) else RUNS
    for run in runs:
        fresh = folder.with_name(f"fresh-{len(list(folder.parent.iterdir()))}")
        shutil.copytree(folder, fresh, ignore=shutil.ignore_patterns("pipe.png"), symlinks=True)
        ran = commands.run(*run, folder=fresh, closed=closed, limit_s=60)
        # Who asks for JSON on a stdout that is closed is told that there is none.
        asked = "--jsonl" in run and 1 in closed
        expected = 1 if asked or run[0] in ("compile", "train") else 0
        assert ran.code == expected, (run, ran)
        assert ran.verdict in ("answer", "refused"), (run, ran)
        shutil.rmtree(fresh)


@pytest.mark.parametrize("run", RUNS | LONG, ids=name_of)
def test_a_full_disk_behind_stdout_is_one_line(commands, folder, run):
    ran = commands.run(*run, folder=folder, stdout="/dev/full", limit_s=60)
    assert ran.code == 1, ran
    if (RUNS | LONG)[run]:
        assert ran.err.splitlines()[-1] == "edgecnn: the output can't be written: No space left on device"


@pytest.mark.parametrize("run", RUNS, ids=name_of)
def test_a_pipe_without_a_reader_ends_a_command_silently(commands, folder, run):
    ran = commands.run(*run, folder=folder, stdout="|", limit_s=60)
    if (RUNS | LONG)[run]:
        assert ran.code == 1 or "--jsonl" in run, ran
        assert "Broken pipe" not in ran.err
    assert ran.good, ran


def test_what_is_opened_later_is_never_a_standard_stream(folder):
    code = """
import os, sys
sys.argv = ["edgecnn", "--version"]
from edgecnn.cli import main
main()
print([os.readlink(f"/proc/self/fd/{n}") for n in range(3)], file=open("found", "w"))
"""
    close = f"exec {sys.executable} -c '{code}' <&- >&- 2>&-"
    subprocess.run(["sh", "-c", close], cwd=folder, check=True, timeout=60)
    assert (folder / "found").read_text() == f"{['/dev/null'] * 3}\n"


def test_names_stay_what_they_are(commands, folder):
    for name in (
        "Tasse à café.png",
        "杯.png",
        "👩‍🚀.png",
        "☕️.png",
        "שלום\u200f.png",
        "a  b.png",
        f"{MARKUP}.png",
    ):
        safe = name.replace("/", "|")
        shutil.copy(folder / "seven.png", folder / safe)
        assert commands.run("classify", safe, folder=folder).out.startswith(f"{safe}  ")


def test_markup_is_printed_as_it_is(commands, folder):
    """By each command that prints labels or names with Rich."""
    labels = [f"{MARKUP.replace('/', '|')} {k}" for k in range(10)]
    (folder / "marked.txt").write_text("\n".join(labels))
    shutil.copytree(folder / "images" / "7", folder / "data" / labels[3])
    shutil.copytree(folder / "images" / "8", folder / "data" / labels[4])
    bare = ("--labels", "marked.txt")
    for run in (
        ("inspect", "bare.tflite", *bare),
        ("evaluate", "bare.tflite", *bare, "--data", "data"),
        ("live", "--source", "seven.png", "--show", "terminal", "--model", "bare.tflite", *bare),
        ("data", "check", "data"),
    ):
        ran = commands.run(*run, folder=folder, limit_s=60)
        assert ran.code == 0, ran
        shown = re.sub(r"[\s│]+", " ", ran.out)
        # Some cut long labels.
        length = {"data": 30, "inspect": 20}.get(run[0], 99)
        assert "[|b] [red]x[link=http:||a] :smile:"[:length] in shown, ran.out


def in_terminal(command, folder, seconds=30):
    """Run a command in a terminal of 80 columns and return all that it is sent, and the exit code."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "edgecnn", *command], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "40"}, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        sent, end = b"", time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            sent += part
        process.wait(timeout=10)
    os.close(ours)
    return sent.decode("utf-8", "replace"), process.returncode


@pytest.mark.parametrize(
    "command",
    [
        ("live", "--source", "synthetic:fps=30", "--frames", "20", "--show", "terminal", "--model"),
        ("inspect",),
        ("evaluate", "--data", "data"),
    ],
    ids=name_of,
)
def test_a_real_terminal_gets_rich_s_own_sequences_alone(folder, command):
    nasty = f"{TITLE}\x1b]52;c;aGk=\x07.tflite".replace("/", "|")
    shutil.copy(folder / "bare.tflite", folder / nasty)
    for k in "34":
        shutil.copytree(folder / "images" / "7", folder / "data" / f"{k}")
    sent, _ = in_terminal([*command, nasty], folder)
    assert "\x1b]" not in sent
    assert "\x07" not in sent
    assert "owned" in sent, "the name itself is shown"
