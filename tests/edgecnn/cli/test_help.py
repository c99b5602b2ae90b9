"""Every help groups its options, shows their defaults, and ends with examples that can be typed."""

import re
import shlex

import pytest
import typer.main

from edgecnn.cli.root import COMMANDS, app
from edgecnn_train.recipe_file import read_recipe

# More options than these stand under headings.
FEW = 3


def walk(command, path):
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, f"{path} {name}")


ROOT = typer.main.get_command(app)
ALL = [("edgecnn", ROOT)]
ALL += [found for name in COMMANDS for found in walk(ROOT.get_command(None, name), f"edgecnn {name}")]
ALL = [pytest.param(path, command, id=path) for path, command in ALL]
EXAMPLES = [
    pytest.param(*p.values[:1], line, id=line) for p in ALL for line in p.values[1].epilog.splitlines()
]


@pytest.mark.parametrize(("path", "command"), ALL)
def test_every_command_has_two_examples_of_its_own(path, command):
    lines = command.epilog.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert f"{line} ".find(f"{path} ") >= 0
        assert len(line) <= 78


@pytest.mark.parametrize(("path", "line"), EXAMPLES)
def test_an_example_can_be_typed(path, line):
    words = shlex.split(line.partition(" > ")[0])
    words = words[words.index("edgecnn") + 1 :]
    command = ROOT
    while words and (inner := command.get_command(None, words[0])):
        command, words = inner, words[1:]
        if not getattr(command, "commands", None):
            break
    assert command is not ROOT
    # Reads every option as a run does, and runs nothing.
    given = command.make_context(path, words).params
    read_recipe("photos", given.get("settings") or [])


@pytest.mark.parametrize(("path", "command"), ALL)
def test_a_help_ends_with_its_examples(run_cli, path, command):
    shown = run_cli(*path.split()[1:], "--help").out
    assert shown.endswith("Examples:\n" + "".join(f"  {line}\n" for line in command.epilog.splitlines()))


@pytest.mark.parametrize(("path", "command"), ALL)
def test_many_options_stand_under_headings(run_cli, path, command):
    options = [p for p in command.params if p.param_type_name == "option"]
    if len(options) > FEW:
        assert {p.opts[0]: p.rich_help_panel for p in options if not p.rich_help_panel} == {}
    shown = run_cli(*path.split()[1:], "--help").out
    for heading in {p.rich_help_panel for p in options if p.rich_help_panel}:
        assert f"\n{heading}:\n" in shown


@pytest.mark.parametrize(("path", "command"), ALL)
def test_an_option_is_described_by_a_sentence(path, command):
    for p in command.params:
        assert p.help, p.name
        assert p.help[0] == p.help[0].upper(), p.help
        assert p.help.endswith("."), p.help


@pytest.mark.parametrize("name", ["live", "bench", "evaluate"])
def test_defaults_are_shown(run_cli, name):
    shown = " ".join(run_cli(name, "--help").out.split())
    for option in ("--threads", "--fit", "--scores"):
        assert re.search(rf"{option} \S+ (?:(?! --).)*\[default: ", shown), option
