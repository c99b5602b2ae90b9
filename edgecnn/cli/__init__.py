"""The command line. The table names the commands; a command's module is imported when it is typed."""

from __future__ import annotations

import importlib
import io
import os
import sys
from typing import Annotated, Any, NamedTuple

import typer
import typer.core
import typer.main

from edgecnn import __version__
from edgecnn.errors import EdgeCnnError, OptionError, OutputError


class Entry(NamedTuple):
    """Where a command lives, and its line in the help."""

    module: str
    help: str


COMMANDS = {
    "live": Entry("edgecnn.cli.live", "Classify what a camera sees, live."),
    "cameras": Entry("edgecnn.cli.cameras", "List the cameras with their formats, sizes and rates."),
    "classify": Entry("edgecnn.cli.classify", "Classify images, folders and videos."),
    "bench": Entry("edgecnn.cli.bench", "Measure int8 against float on this machine."),
    "evaluate": Entry("edgecnn.cli.evaluate", "Measure a model on labelled pictures, clean and corrupted."),
    "inspect": Entry("edgecnn.cli.inspect", "Tell what a model file is, without running it."),
    "compile": Entry("edgecnn.cli.compile", "Compile a bundle for Coral's Edge TPU."),
    "models": Entry("edgecnn.cli.models", "List, show and verify model bundles; compare models."),
    "train": Entry("edgecnn_train.cli", "Train an int8 model from a recipe or a folder of photos."),
    "data": Entry(
        "edgecnn_train.inspection.cli", "Check a data set before training; preview its augmentation."
    ),
    "doctor": Entry("edgecnn.cli.doctor", "Say what works on this machine, and how to mend the rest."),
    "demo": Entry("edgecnn.cli.demo", "Run live and bench for a few seconds and sum up."),
}


class LazyGroup(typer.core.TyperGroup):
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
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's signature
        """Write the help's list of commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


# Rich would double the time that --help takes.
app = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edgecnn {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Your own image classifier, quantized to int8, live on a small computer."""


def main() -> None:
    """Run the command; an expected error is one line on stderr and exit code 1 (2 for usage)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name that can't be shown is no reason to stop
    try:
        _run()
    except EdgeCnnError as error:
        sys.stderr.write(f"edgecnn: {' '.join(str(error).split())}\n")
        sys.exit(2 if isinstance(error, OptionError) else 1)
    except BrokenPipeError:
        # Whoever read our output has gone; nothing more is to be said, not even by Python at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)


def _run() -> None:
    """Run the command, and flush, so that a full disk or a closed pipe is known here."""
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except (BrokenPipeError, EdgeCnnError):
        raise
    except OSError as error:
        if error.filename is not None:  # about some file, so it is no matter of the output
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise OutputError(f"the output can't be written: {error.strerror}") from error
