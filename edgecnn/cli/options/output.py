"""Options that write the result of a command as JSON."""

from __future__ import annotations

from typing import Annotated

import typer

JsonOption = Annotated[
    str | None,
    typer.Option(
        "--json", help="Write all results as JSON; - for stdout.", metavar="FILE", rich_help_panel="Output"
    ),
]
PrintJsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON instead of text.", rich_help_panel="Output")
]
