"""The table of commands, and the group that imports a command's module when it is typed."""

from __future__ import annotations

import importlib
from typing import Annotated, Any, NamedTuple

import typer
import typer.main
from typer._click.exceptions import UsageError

from edgecnn.cli.command import CliGroup, make_app
from edgecnn.defaults import VERSION
from edgecnn.errors import OptionError
from edgecnn.io.printable import echo

# More than any number that an option takes is good for: in seconds it is 31 years.
MOST_NUMBER = 1_000_000_000


class Entry(NamedTuple):
    """The module of a command, and its line in the help."""

    module: str
    help: str


COMMANDS = {
    "live": Entry("edgecnn.cli.live", "Classify what a camera sees, live."),
    "cameras": Entry("edgecnn.cli.cameras", "List the cameras with their formats, sizes and rates."),
    "classify": Entry("edgecnn.cli.classify", "Classify images, folders and videos."),
    "bench": Entry("edgecnn.cli.bench", "Measure int8 against float on this machine."),
    "evaluate": Entry("edgecnn.cli.evaluate", "Measure a model on labelled images, clean and corrupted."),
    "inspect": Entry("edgecnn.cli.inspect", "Describe a model file, without running it."),
    "compile": Entry("edgecnn.cli.compile", "Compile a bundle for Coral's Edge TPU."),
    "models": Entry("edgecnn.cli.models", "List, show, verify, compare, import and export models."),
    "learn": Entry("edgecnn.cli.learn", "Learn an int8 model from a few photos, in seconds."),
    "teach": Entry("edgecnn.cli.teach", "Teach a model by showing things to the camera."),
    "collect": Entry("edgecnn.cli.collect", "Record photos of one class from the camera."),
    "review": Entry("edgecnn.cli.review", "Label the frames that a taught model was unsure about."),
    "train": Entry("edgecnn_train.cli", "Train an int8 model from a recipe or a folder of photos."),
    "data": Entry(
        "edgecnn_train.inspection.cli", "Check a dataset before training; preview its augmentation."
    ),
    "doctor": Entry("edgecnn.cli.doctor", "Check what works on this machine, and how to fix the rest."),
    "demo": Entry("edgecnn.cli.demo", "Run live and bench for a few seconds, and sum up."),
}


class LazyGroup(CliGroup):
    """A group whose commands are imported when they are used; `--help` imports none of them."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's signature
        """Return the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - Typer's signature
        """Import the command that was typed."""
        if cmd_name not in COMMANDS:
            return None
        command = typer.main.get_command(importlib.import_module(COMMANDS[cmd_name].module).app)
        command.name = cmd_name
        _check_values(command)
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Propose the command that is most like what was typed."""
        from edgecnn.io.nearby import nearest

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = nearest(args[0], COMMANDS)
            raise UsageError(
                f"No such command {args[0]!r}." + (f" Did you mean {near!r}?" if near else ""), ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's signature
        """Write the help's list of commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


def _check_values(command: Any) -> None:
    """Make a command and those below it refuse empty texts, numbers beyond `MOST_NUMBER`, and NaN.

    A shell makes an empty text of a variable that is unset; as a path it would be the current folder. Typer's
    ranges let NaN pass.
    """
    for parameter in command.params:
        parameter.callback = _checked(parameter.callback)
    for inner in getattr(command, "commands", {}).values():
        _check_values(inner)


def _checked(then: Any) -> Any:
    """Return a parameter's callback that first refuses what `_check_values` says."""

    def check(ctx: Any, parameter: Any, value: Any) -> Any:
        if value == "":
            raise OptionError(_empty(parameter, parameter.make_metavar(ctx)))
        if isinstance(value, int | float) and not abs(value) <= MOST_NUMBER:
            expected = f"expected at most {MOST_NUMBER:,}"
            raise typer.BadParameter(
                f"{str(value)[:20]} is no number, or too large: {expected}", ctx, parameter
            )
        return then(ctx, parameter, value) if then else value

    return check


def _empty(parameter: Any, metavar: str) -> str:
    """Return the message for an empty text."""
    if parameter.param_type_name == "argument":
        return f"{metavar} is empty: is a variable unset?"
    name = max(parameter.opts, key=len)
    if "- for stdout" in (parameter.help or ""):
        return f"{name} is empty: name a file, or - for stdout"
    return f"{name} is empty, expected {metavar.replace('|', ' or ')}: is a variable unset?"


app = make_app(
    "edgecnn live --source 0",
    "edgecnn train photos/",
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        echo(f"edgecnn {VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Your own image classifier, quantized to int8, live on a small computer."""
