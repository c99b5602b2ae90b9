"""`edgecnn doctor`: check what works on this machine, and how to fix the rest."""

from __future__ import annotations

import shutil
import sys
import textwrap

import typer

from edgecnn.cli.command import command, make_app
from edgecnn.cli.options.output import PrintJsonOption
from edgecnn.io.json_text import to_json
from edgecnn.io.printable import echo, printable

app = make_app()

EXAMPLES = ("edgecnn doctor", "edgecnn doctor --json > doctor.json")

_SIGNS = {"ok": "ok  ", "warning": "WARN", "failure": "FAIL"}


@command(app, examples=EXAMPLES)
def doctor(as_json: PrintJsonOption = False) -> None:
    """Check the machine, packages, cameras, display and Coral; report how to fix what is wrong.

    The exit code is 1 if edgecnn can't run here.
    """
    from edgecnn.doctor import Status, examine

    found = []
    for finding in examine():
        found.append(finding)
        if not as_json:
            _print_line(f"{_SIGNS[finding.status]}  {finding.name}: {printable(finding.found)}")
            if finding.fix:
                _print_line(f"      → {finding.fix}")
    failures, warnings = (sum(f.status is s for f in found) for s in (Status.failure, Status.warning))
    if as_json:
        echo(to_json([f.as_dict() for f in found], indent=1))
    else:
        verdict = "edgecnn can't run here" if failures else "edgecnn runs here"
        echo(f"{verdict}; failures: {failures}, warnings: {warnings}")
    if failures:
        raise typer.Exit(1)


def _print_line(line: str) -> None:
    """Print a line; in a terminal it is broken between words, and continuation lines are indented."""
    if sys.stdout is not None and sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        line = textwrap.fill(
            line, width, subsequent_indent=" " * 8, break_long_words=False, break_on_hyphens=False,
            drop_whitespace=True, replace_whitespace=False,
        )  # fmt: skip
    echo(line)
