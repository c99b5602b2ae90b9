"""Starts the command line, and turns every error into one line and an exit code."""

from __future__ import annotations

import io
import os
import sys
import threading
import warnings
from typing import Any

import typer
from typer._click.exceptions import NoArgsIsHelpError, UsageError

from edgecnn.cli.root import app
from edgecnn.errors import EdgeCnnError, OptionError, OutputError
from edgecnn.io.printable import echo
from edgecnn.io.quiet import say
from edgecnn.io.regular import forget_read

# The most characters of a message that repeats what was typed.
_LONGEST = 400
# The exit code for a defect of edgecnn itself: EX_SOFTWARE of sysexits.h.
DEFECT = 70


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
        # The reader of our output is gone: print nothing more, not even by Python at its end.
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
    """Run the command and flush, so that a full disk or a closed pipe is noticed here; return the code."""
    try:
        try:
            return _call()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except (BrokenPipeError, EdgeCnnError):
        raise
    except OSError as error:
        if error.filename is not None:  # about a file, not about the output
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
    """Call the command; a usage error of Typer becomes an OptionError."""
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
        hint = f"{end}see `{error.ctx.command_path} --help`" if error.ctx else ""
        if len(text) > _LONGEST:
            text = f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 2 :]}"
        raise OptionError(text + hint) from error


def tell_in_one_line() -> None:
    """Show warnings, and errors of threads, in one line each."""
    if sys.flags.dev_mode:
        return
    warnings.showwarning = _show_warning
    threading.excepthook = lambda failed: say(_defect(failed.exc_value or failed.exc_type()))
    sys.unraisablehook = lambda failed: say(_defect(failed.exc_value or failed.exc_type()))


def _defect(error: BaseException) -> str:
    """Describe in one line where edgecnn failed."""
    import traceback

    where = type(error).__name__
    if places := traceback.extract_tb(error.__traceback__):
        where += f" in line {places[-1].lineno} of {places[-1].filename}"
    return f"a defect of edgecnn, please report it: {where}: {error}; `python -X dev -m edgecnn …` shows more"


def _leave_output() -> None:
    """Discard what is still to be written to stdout."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _take_standard_streams() -> None:
    """Open the null device in place of each closed standard stream.

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
