"""`edgecnn collect`: record photos of one class, for scripts."""

from __future__ import annotations

from typing import Annotated

import typer

from edgecnn.cli.command import command, make_app
from edgecnn.cli.options.camera import CameraOptions
from edgecnn.cli.options.teach import DEFAULT_FOLDER, FolderArgument
from edgecnn.live.session import Live

app = make_app()
_HEADING = "Recording"

EXAMPLES = (
    "edgecnn collect --class cup --seconds 5",
    "edgecnn collect my-tools --class pliers --source 0",
)


@command(app, examples=EXAMPLES)
def collect(
    folder: FolderArgument = DEFAULT_FOLDER,
    *,
    label: Annotated[
        str,
        typer.Option(
            "--class", help="Class that the camera sees now.", metavar="NAME", rich_help_panel=_HEADING
        ),
    ],
    seconds: Annotated[
        float,
        typer.Option(help="How long to record.", min=0.1, max=3600, metavar="S", rich_help_panel=_HEADING),
    ] = 5.0,
    camera: CameraOptions,
) -> None:
    """Record photos of one class into FOLDER; frames that are nearly the same as one before are left out."""
    from edgecnn.io.printable import echo, open_console
    from edgecnn.teaching.session import Teach, collect_photos

    live = Live(camera.only("collect"), mode=camera.mode, framing=camera.framing)
    kept = collect_photos(Teach(folder, None, live), label, seconds, open_console())
    echo(f"{kept} photos of {label} in {folder}: edgecnn learn {folder}")
