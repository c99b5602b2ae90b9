"""The option for how many images are classified side by side."""

from __future__ import annotations

from typing import Annotated

import typer

# As many as threads.
from edgecnn.engine import MAX_THREADS

WorkersOption = Annotated[
    int | None,
    typer.Option(
        help="Processes that classify images side by side, each with one image at a time.",
        min=1,
        max=MAX_THREADS,
        metavar="N",
        show_default="one for each core",
        rich_help_panel="Engine",
    ),
]
