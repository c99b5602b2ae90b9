"""Options classes that commands take whole."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import pytest
import typer
from typer.testing import CliRunner

from edgecnn.cli.command import command, make_app


@dataclass(frozen=True, slots=True)
class Paint:
    heading: ClassVar = "Paint"

    color: Annotated[str, typer.Option("--color", "-c", help="What to paint with.")] = "red"
    coats: Annotated[int | None, typer.Option(help="Number of coats.", show_default="enough")] = None


@dataclass(frozen=True, slots=True)
class Place:
    heading: ClassVar = "Place"

    wall: Annotated[str, typer.Option(help="What to paint.")]


app = make_app()
seen = []


@command(app, examples=("paint --wall north", "paint --wall south -c blue"))
def paint(
    who: Annotated[str, typer.Argument(help="Who paints.")],
    *,
    paint: Paint,
    place: Place,
    slowly: Annotated[bool, typer.Option("--slowly", help="Take your time.")] = False,
) -> None:
    """Paint a wall."""
    seen.append((who, paint, place, slowly))


def run(*arguments):
    seen.clear()
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["me", "--wall", "north"], ("me", Paint("red", None), Place("north"), False)),
        (["me", "--wall", "north", "-c", "blue", "--coats", "2", "--slowly"],
         ("me", Paint("blue", 2), Place("north"), True)),
    ],
    ids=["defaults", "given"],
)  # fmt: skip
def test_a_command_gets_whole_classes(arguments, expected):
    assert run(*arguments).exit_code == 0
    assert seen == [expected]


def test_a_field_without_a_default_is_required():
    ran = run("me")
    assert (ran.exit_code, seen) == (2, [])
    assert "--wall" in ran.output


def test_the_help_has_a_section_for_each_class_and_examples_at_its_end():
    shown = run("--help").output
    headings = [line for line in shown.splitlines() if line.endswith(":") and line[0] != " "]
    assert headings == ["Arguments:", "Paint:", "Place:", "Options:", "Examples:"]
    paint = shown[shown.index("Paint:") : shown.index("Place:")]
    assert "-c, --color <str>" in paint
    assert "[default: red]" in paint
    assert "[default: (enough)]" in paint
    assert "--slowly" in shown[shown.index("Options:") :]
    assert shown.splitlines()[-2:] == ["  paint --wall north", "  paint --wall south -c blue"]
