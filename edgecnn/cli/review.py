"""`edgecnn review`: label the frames that a taught model was least sure about."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from edgecnn.cli.command import command, make_app
from edgecnn.cli.options.teach import DEFAULT_FOLDER, FolderArgument

app = make_app()

EXAMPLES = (
    "edgecnn review",
    "edgecnn review my-tools --frame 1764334805123_0.512_cup.jpg --label pliers",
)
_HEADING = "Review"


@command(app, examples=EXAMPLES)
def review(
    folder: FolderArgument = DEFAULT_FOLDER,
    *,
    frames: Annotated[
        list[str] | None,
        typer.Option(
            "--frame",
            help="Frame to label or drop, by its path or file name; can be repeated.",
            metavar="ID",
            show_default="all",
            rich_help_panel=_HEADING,
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            help="Move the frames into this class.",
            metavar="NAME",
            show_default="list them",
            rich_help_panel=_HEADING,
        ),
    ] = None,
    drop: Annotated[
        bool, typer.Option("--drop", help="Forget the frames.", rich_help_panel=_HEADING)
    ] = False,
) -> None:
    """List the frames of FOLDER that the model was least sure about, newest first; label or drop them."""
    from edgecnn.errors import OptionError
    from edgecnn.io.printable import echo
    from edgecnn.teaching.photos import TaughtFolder
    from edgecnn.teaching.review import Review

    if label is not None and drop:
        raise OptionError("--label and --drop can't be given together: choose one")
    stored = Review(TaughtFolder.existing(folder), 0)
    chosen = [Path(name).name for name in frames] if frames else [frame.id for frame in stored.frames]
    if label is not None:
        moved = stored.label(chosen, label)
        echo(f"frames that are photos of {label} now: {len(moved)}")
    elif drop:
        echo(f"frames dropped: {stored.drop(chosen)}")
    else:
        for frame in stored.frames:
            taken = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(frame.taken))
            echo(f"{taken}  {frame.label} {frame.score:.1%}  {stored.path(frame.id)}")
        if not stored.frames:
            echo(f"no frame to review in {folder}")
