"""`edgecnn doctor`: what works here, and what to do about the rest."""

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
    """Look at the machine, packages, cameras, display and Coral; say how to mend what is wrong.

    Exit code 1 where edgecnn can't run.
    """
    from edgecnn.doctor import Status, examine

    found = []
    for finding in examine():
        found.append(finding)
        if not as_json:
            _tell(f"{_SIGNS[finding.status]}  {finding.name}: {printable(finding.found)}")
            if finding.fix:
                _tell(f"      → {finding.fix}")
    failures, warnings = (sum(f.status is s for f in found) for s in (Status.failure, Status.warning))
    if as_json:
        echo(to_json([f.as_dict() for f in found], indent=1))
    else:
        verdict = "edgecnn can't run here" if failures else "edgecnn runs here"
        echo(f"{verdict}; failures: {failures}, warnings: {warnings}")
    if failures:
        raise typer.Exit(1)


def _tell(line: str) -> None:
    """Print a line, in a terminal broken between words, with what follows below its beginning."""
    if sys.stdout is not None and sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        line = textwrap.fill(
            line, width, subsequent_indent=" " * 8, break_long_words=False, break_on_hyphens=False,
            drop_whitespace=True, replace_whitespace=False,
        )  # fmt: skip
    echo(line)
