"""Options that choose labelled images."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import typer

from edgecnn.cli.takes import options

HEADING = "Data"
DATA_HELP = "folder, zip, CSV or IDX folder, or a name in $EDGECNN_DATA"

LayoutOption = Annotated[
    Literal["auto", "splits", "classes"],
    typer.Option(
        help="What the top folders of the data are: splits with classes inside, or classes.",
        rich_help_panel=HEADING,
    ),
]


@options
class DataOptions:
    """Which images of a dataset."""

    heading: ClassVar = HEADING

    split: Annotated[
        Literal["test", "validation", "train", "all"] | None,
        typer.Option(help="Split to measure on.", show_default="test, or all images where there is none"),
    ] = None
    limit: Annotated[
        int | None, typer.Option(help="At most N images, stratified by class.", min=1, metavar="N")
    ] = None
    layout: LayoutOption = "auto"
