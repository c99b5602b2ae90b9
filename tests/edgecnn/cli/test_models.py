import contextlib
import io
import json
import os
import re
import shutil

import pytest

from edgecnn.bundle import bundle
from edgecnn.cli.card import print_card
from edgecnn.io.printable import open_console, printable, printable_text
from tests.models import nan_bundle


@pytest.mark.parametrize("arguments", [(), ("list",)])
def test_shipped_bundles_are_listed(run_cli, arguments, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    ran = run_cli("models", *arguments)
    assert ran.code == 0
    assert "digits *" in ran.out
    assert "mnist-classic" in ran.out
    assert "99." in ran.out


def test_a_card_is_shown(run_cli):
    ran = run_cli("models", "show", "mnist-classic")
    assert ran.code == 0
    assert "top-1 on 10,000 test pictures" in ran.out  # codespell:ignore pictures


def test_shipped_bundles_verify(run_cli):
    ran = run_cli("models", "verify")
    assert ran.code == 0
    assert ran.out.count("hash ok, golden vectors ok") == 14


def test_a_damaged_bundle_does_not_verify(run_cli, tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(bundle.find("digits"), folder)
    (folder / "float32.tflite").write_bytes(b"")
    ran = run_cli("models", "verify", folder)
    assert ran.code == 1
    assert "SHA-256" in ran.err
    assert "digits int8: hash ok" in ran.out


def test_a_single_file_is_no_bundle(run_cli, digits_file):
    run_cli("models", "verify", digits_file).fails("single file")
    run_cli("models", "show", "nowhere").fails("no model 'nowhere'")


def copy(folder, name, /, **keys):
    """Copy a bundle under a name, with other keys in its manifest."""
    shutil.copytree(bundle.find("digits"), folder / name)
    path = folder / name / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))
    return folder / name


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder of models with good ones, and bad ones of many kinds."""
    folder = tmp_path / "models"
    folder.mkdir()
    copy(folder, "good", name="[red]good[link=x]")
    copy(folder, "wrong", variants={"int8": {"sha256": None}})
    copy(folder, "escapes", name="\x1b[2J", title="\x9b2J")
    for name, content in {
        "deep": b"[" * 100_000,
        "bytes": b"\xff",
        "\x1b[31mred": b"{",
        "nan": b"NaN",
    }.items():
        (folder / name).mkdir()
        (folder / name / "bundle.json").write_bytes(content)
    (folder / "folder" / "bundle.json").mkdir(parents=True)
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe" / "bundle.json")
    (folder / "loop").mkdir()
    (folder / "loop" / "bundle.json").symlink_to("bundle.json")
    shutil.copytree(bundle.find("digits"), folder / ".digits.unfinished")
    (folder / "CARD.md").write_text("no bundle")
    monkeypatch.setenv("EDGECNN_MODELS", str(folder))
    monkeypatch.setenv("COLUMNS", "160")
    return folder


BAD = ["\x1b[31mred", "bytes", "deep", "escapes", "folder", "loop", "nan", "pipe", "wrong"]


def test_a_bad_bundle_hides_no_other(run_cli, models):
    ran = run_cli("models", "list")
    assert ran.code == 0
    assert "[red]good[link=x]" in ran.out
    assert "mnist-classic" in ran.out
    assert "unfinished" not in ran.out + ran.err
    lines = ran.err.splitlines()
    assert len(lines) == len(BAD)
    for line, name in zip(lines, BAD, strict=True):
        assert line.startswith("edgecnn: left out: ")
        assert f"/{printable(name)}/bundle.json" in line
        assert line.isprintable()


def test_a_bad_bundle_is_named_by_verify_and_harms_no_other_command(run_cli, models, seven):
    ran = run_cli("models", "verify")
    assert ran.code == 1
    assert len(ran.err.splitlines()) == len(BAD)
    assert ran.out.count("golden vectors ok") == 16
    assert run_cli("classify", seven, "--model", "good").code == 0
    run_cli("classify", seven, "--model", "goood").fails("did you mean 'good'")
    run_cli("models", "show", "wrong").fails("variants.int8.sha256 is null, expected 64 hexadecimal digits")


def test_an_unreadable_folder_of_models_is_reported(run_cli, tmp_path, monkeypatch, as_unprivileged):
    folder = tmp_path / "models"
    for name in ("mine", "other"):
        shutil.copytree(bundle.find("digits"), folder / name)
    monkeypatch.setenv("EDGECNN_MODELS", str(folder))
    for closed, reason, others in ((folder / "mine", "mine/bundle.json", 1), (folder, str(folder), 0)):
        closed.chmod(0)
        with as_unprivileged():
            ran = run_cli("models", "list")
        closed.chmod(0o755)
        assert ran.code == 0
        assert ran.out.count("28×28") >= others, "the other one is listed"
        assert f"{reason} can't be read: Permission denied" in ran.err


@pytest.fixture
def as_unprivileged(tmp_path):
    """Run as a user without root's permissions."""

    @contextlib.contextmanager
    def change():
        before = os.geteuid()
        for folder in (tmp_path, *list(tmp_path.parents)[:3]):
            folder.chmod(folder.stat().st_mode | 0o055)
        if before == 0:
            os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(before)

    return change


def test_any_card_is_shown(run_cli, tmp_path):
    folder = copy(tmp_path, "mine", title="mine [/b]")
    card = folder / "CARD.md"
    card.write_bytes(b"# caf\xe9 \x1b[2J\x9b [/b] [link=x]y[/link]\n")
    ran = run_cli("models", "show", folder)
    assert ran.code == 0
    assert "caf\N{REPLACEMENT CHARACTER} ␛[2J" in ran.out
    assert "[/b] [link=x]y[/link]" in ran.out
    card.write_bytes(b"x" * 10_000_000)
    ran = run_cli("models", "show", folder)
    assert (ran.code, len(ran.out) < 300_000) == (0, True)
    assert "more than 262,144 bytes: the rest is not shown" in ran.err
    card.unlink()
    assert run_cli("models", "show", folder).out.startswith("# mine [/b]\n")
    os.mkfifo(card)
    ran = run_cli("models", "show", folder)
    assert ran.code == 0
    assert "a named pipe, expected a regular file" in ran.err


@pytest.mark.parametrize(
    "text",
    [
        "# title\n\n[link](http://example.org)\n",
        "[/b][red]\x1b]8;;http://evil\x07x",
        ">" * 20_000,
        "[" * 20_000,
        "*a **b " * 3_000,
        "- " * 3_000,
        "```" + "\x9b" * 100,
        "|a|b|\n|-|-|\n" + "|" * 5_000,
    ],
    ids=lambda t: ascii(t)[:20],
)
def test_a_card_in_a_terminal(text):
    out = io.StringIO()
    console = open_console(file=out, force_terminal=True, width=80)
    print_card(text, console)
    plain = re.sub(r"\x1b\[[\d;]*m", "", out.getvalue())
    assert printable_text(plain) == plain, "nothing but colours"


def test_a_model_that_answers_nan_does_not_verify(run_cli, tmp_path):
    ran = run_cli("models", "verify", nan_bundle(tmp_path))
    assert ran.code == 1
    assert "digits int8: hash ok, golden vectors ok" in ran.out
    assert "digits float32 answered NaN or infinity" in ran.err


def test_other_answers_than_the_recorded_ones_are_said_on_stderr_too(run_cli, tmp_path):
    golden = json.loads((bundle.find("digits") / "bundle.json").read_text())["golden"]
    golden["outputs"]["int8"].reverse()
    ran = run_cli("models", "verify", copy(tmp_path, "mine", golden=golden))
    assert ran.code == 1
    assert "digits int8: hash ok, golden vectors NOT the recorded answers" in ran.out
    assert ran.err == "edgecnn: digits int8 does not answer as it was published: copy it again\n"
