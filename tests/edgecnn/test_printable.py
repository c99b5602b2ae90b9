"""Texts of others never command a terminal."""

import io

import pytest

from edgecnn.printable import echo, open_console, printable, printable_text

NASTY = "a\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\r\b\u202eb\udc80"


@pytest.mark.parametrize("name", ["cup", "Tasse à café", "杯", "☕️ mug", "3 series", "a  b", ""])
def test_ordinary_names_stay_as_they_are(name):
    assert printable(name) == name


def test_control_characters_become_signs_of_the_same_number():
    clean = printable(NASTY + "\n\t")
    assert clean.isprintable()
    assert len(clean) == len(NASTY) + 2
    assert clean.startswith("a␛]0;owned␇␛[2J")


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
    console = open_console(file=file, force_terminal=terminal, width=80, highlight=False)
    table = Table()
    table.add_column("name\x1b[2J")
    table.add_row(Text(NASTY, style="bold red"))
    console.print(table)
    console.print(NASTY, markup=False)
    written = file.getvalue()
    for part in ("\x1b]0;", "\x1b[2J", "\x07", "\x9b", "\r", "\b"):
        assert part not in written
    assert ("\x1b[1;31m" in written) == terminal
