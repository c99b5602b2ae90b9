"""Options that say what a command writes, and when."""

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
AllowDropOption = Annotated[
    float,
    typer.Option(
        help="Percentage points that int8 may lose against float32.",
        min=0,
        max=100,
        metavar="POINTS",
        rich_help_panel="Output",
    ),
]
