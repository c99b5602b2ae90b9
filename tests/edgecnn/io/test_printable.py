"""Untrusted texts never command a terminal."""

import io

import pytest

from edgecnn.io.printable import echo, open_console, printable, printable_text

NASTY = "a\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\r\b\u202eb\udc80"

ORDINARY = (
    "cup", "Tasse à café", "Cafe\u0301", "杯", "☕️ mug", "3 series", "a  b", "👩\u200d🚀", "❤️\u200d🔥",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "نمی\u200cشد", "שלום\u200f!",
    "co\u00adop", "a\u00a0b", "\u061c", "\ue000", "\ufeff", ":smile:", "[b]x[/b]",
)  # fmt: skip


@pytest.mark.parametrize("name", [*ORDINARY, ""])
def test_ordinary_names_stay_as_they_are(name):
    assert printable(name) == name


def test_control_characters_become_signs_of_the_same_number():
    clean = printable(NASTY + "\n\t")
    assert clean.isprintable()
    assert len(clean) == len(NASTY) + 2
    assert clean.startswith("a␛]0;owned␇␛[2J")


@pytest.mark.parametrize(
    "sign",
    ["\x00", "\x1b", "\x85", "\x9b", "\u2028", "\u2029", "\u202a", "\u202e", "\u2066", "\u206f", "\ufff9"],
)
def test_what_commands_or_turns_around_is_replaced(sign):
    clean = printable_text(f"a{sign}b")
    assert len(clean) == 3
    assert clean != f"a{sign}b"
    assert sign not in clean


def test_a_text_keeps_its_lines():
    assert printable_text("a\n\tb\x1b") == "a\n\tb␛"


def test_echo(capsys):
    echo(NASTY)
    echo("x\x1b", err=True)
    out, err = capsys.readouterr()
    assert "\x1b" not in out
    assert err == "x␛\n"


@pytest.mark.parametrize("terminal", [True, False])
def test_a_console_keeps_its_own_colours_alone(terminal):
    from rich.table import Table
    from rich.text import Text

    file = io.StringIO()
    console = open_console(
        file=file, force_terminal=terminal, width=80, color_system="standard" if terminal else None
    )
    table = Table()
    table.add_column("name\x1b[2J")
    table.add_row(Text(NASTY, style="bold red"))
    console.print(table)
    console.print(NASTY, markup=False)
    written = file.getvalue()
    for part in ("\x1b]0;", "\x1b[2J", "\x07", "\x9b", "\r", "\b"):
        assert part not in written
    assert ("\x1b[1;31m" in written) == terminal


def test_texts_in_a_console_are_no_markup_and_no_emoji():
    from rich.table import Table

    file = io.StringIO()
    console = open_console(file=file, width=80, force_terminal=True)
    text = "[red]a[/b] :smile: 123 [link=http://a]b"
    table = Table()
    table.add_column(text)
    table.add_row(text)
    console.print(table)
    console.print(text)
    assert file.getvalue().count(text) == 3


def test_live_displays_are_clean_too():
    from rich.live import Live
    from rich.progress import Progress

    file = io.StringIO()
    console = open_console(file=file, width=80, force_terminal=True)
    with Live(NASTY, console=console, auto_refresh=False) as live:
        live.update(f"again {NASTY}", refresh=True)
    with Progress(console=console, auto_refresh=False) as progress:
        progress.add_task(NASTY)
        progress.refresh()
    written = file.getvalue()
    for part in ("\x1b]0;", "\x1b[2J", "\x07", "\x9b", "\u202e"):
        assert part not in written
    assert "again a␛]0;owned" in written


def test_a_line_of_ours_stays_one(capsys):
    from edgecnn.io.quiet import say

    say(f"first\n   second {NASTY}")
    said = capsys.readouterr().err
    assert said.startswith("edgecnn: first second a␛]0;owned")
    assert said.count("\n") == 1
