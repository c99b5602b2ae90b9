"""The command line. The table names the commands; a command's module is imported when it is typed."""

from __future__ import annotations

import importlib
import io
import os
import sys
import threading
import warnings
from typing import Annotated, Any, NamedTuple

import typer
import typer.core
import typer.main
from typer._click.exceptions import NoArgsIsHelpError, UsageError

from edgecnn.defaults import VERSION
from edgecnn.errors import EdgeCnnError, OptionError, OutputError
from edgecnn.io.printable import echo
from edgecnn.io.quiet import say
from edgecnn.io.regular import forget_read

__all__ = ["main", "options", "tell_in_one_line"]

# More than any number that an option takes has a use for: in seconds it is 31 years.
MOST_NUMBER = 1_000_000_000
# An error that repeats what was typed may be so long.
_LONGEST = 400
# The exit code where edgecnn itself is wrong: EX_SOFTWARE of sysexits.h.
DEFECT = 70


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
        _bound_numbers(command)
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Name the command that is most like what was typed."""
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


def _bound_numbers(command: Any) -> None:
    """Have every number of a command and of those below it be finite, and not too large to reckon with.

    Typer lets `nan` through, which is in no range and out of none.
    """
    for parameter in command.params:
        parameter.callback = _bounded(parameter.callback)
    for inner in getattr(command, "commands", {}).values():
        _bound_numbers(inner)


def _bounded(then: Any) -> Any:
    """Return a parameter's callback that first refuses numbers beyond `MOST_NUMBER`."""

    def check(ctx: Any, parameter: Any, value: Any) -> Any:
        if isinstance(value, int | float) and not abs(value) <= MOST_NUMBER:
            expected = f"expected at most {MOST_NUMBER:,}"
            raise typer.BadParameter(
                f"{str(value)[:20]} is no number, or too large: {expected}", ctx, parameter
            )
        return then(ctx, parameter, value) if then else value

    return check


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
        echo(f"edgecnn {VERSION}")
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
    _take_standard_streams()
    forget_read()
    code = 0
    try:
        code = _run()
    except EdgeCnnError as error:
        say(str(error))
        code = 2 if isinstance(error, OptionError) else 1
    except BrokenPipeError:
        # Whoever read our output has gone; nothing more is to be said, not even by Python at its end.
        _leave_output()
        code = 1
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        say(_defect(error))
        code = DEFECT
    if code:
        sys.exit(code)


def _run() -> int:
    """Run the command and flush, so that a full disk or a closed pipe is known here; return the code."""
    try:
        try:
            return _call()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except (BrokenPipeError, EdgeCnnError):
        raise
    except OSError as error:
        if error.filename is not None:  # about some file, so it is no matter of the output
            raise OutputError(f"{error.filename}: {error.strerror}") from error
        if _folder_is_gone():
            raise OutputError("the folder in which this runs was deleted: change to another one") from error
        _leave_output()
        raise OutputError(f"the output can't be written: {error.strerror}") from error
    except MemoryError as error:
        raise OutputError("there is not enough memory for this") from error


def _folder_is_gone() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - no path is needed
    except FileNotFoundError:
        return True
    return False


def _call() -> int:
    """Call the command; what Typer says about wrong usage becomes one OptionError."""
    try:
        return app(prog_name="edgecnn", standalone_mode=False) or 0
    except typer.Abort:
        return 1
    except NoArgsIsHelpError as error:
        echo(error.format_message(), err=True)
        return 2
    except UsageError as error:
        text = error.format_message().rstrip(".")
        end = " " if text.endswith("?") else "; "
        hint = f"{end}`{error.ctx.command_path} --help` lists what there is" if error.ctx else ""
        if len(text) > _LONGEST:
            text = f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 2 :]}"
        raise OptionError(text + hint) from error


def tell_in_one_line() -> None:
    """Show in one line each what Python itself would show: warnings, and what fails in a thread."""
    if sys.flags.dev_mode:
        return
    warnings.showwarning = _show_warning
    threading.excepthook = lambda failed: say(_defect(failed.exc_value or failed.exc_type()))
    sys.unraisablehook = lambda failed: say(_defect(failed.exc_value or failed.exc_type()))


def _defect(error: BaseException) -> str:
    """Say in one line where edgecnn failed."""
    import traceback

    where = type(error).__name__
    if places := traceback.extract_tb(error.__traceback__):
        where += f" in line {places[-1].lineno} of {places[-1].filename}"
    return f"a defect of edgecnn, please report it: {where}: {error}; `python -X dev -m edgecnn …` tells more"


def _leave_output() -> None:
    """Send to nowhere what is still to be written to stdout."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _take_standard_streams() -> None:
    """Keep files that are opened later off the places of standard streams that are closed.

    Native libraries write to descriptors 1 and 2 whatever is there.
    """
    for handle in range(3):
        try:
            os.fstat(handle)
        except OSError:
            # The lowest that is free is this one, since those below are open.
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: PTH123, SIM115 - for as long as the process lives
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name that can't be shown is no reason to stop


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Show a warning of Python or of a library in one line, without the source line that it came from."""
    say(f"warning: {message}")
