"""`edgecnn teach`: make a classifier by showing things to the camera."""

from __future__ import annotations

from typing import Annotated

import typer

from edgecnn.cli.command import command, make_app
from edgecnn.cli.live_print import print_summary
from edgecnn.cli.options.camera import CameraOptions
from edgecnn.cli.options.live import LimitOptions
from edgecnn.cli.options.teach import DEFAULT_FOLDER, FolderArgument, TeachOptions, TeachViewOptions
from edgecnn.cli.options.trunk import TrunkOptions
from edgecnn.live.session import Live, Show

app = make_app()

EXAMPLES = (
    "edgecnn teach",
    "edgecnn teach my-tools --source 0 --host 0.0.0.0",
)


@command(app, examples=EXAMPLES)
def teach(
    folder: FolderArgument = DEFAULT_FOLDER,
    *,
    camera: CameraOptions,
    teaching: TeachOptions,
    trunk: TrunkOptions,
    limits: LimitOptions,
    view: TeachViewOptions,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            help="A class to begin with; can be repeated.",
            metavar="NAME",
            show_default="those of the folder",
            rich_help_panel="Teaching",
        ),
    ] = None,
    button: Annotated[
        list[str] | None,
        typer.Option(
            help="Push button on a Raspberry Pi's GPIO that records into a class while it is held; can be "
            "repeated.",
            metavar="PIN=CLASS",
            show_default="none",
            rich_help_panel="Teaching",
        ),
    ] = None,
) -> None:
    """Teach a classifier by showing things to a camera: it answers while it learns, on this computer.

    Name two things on the page, hold each in front of the camera and press its button. The photos stay in
    FOLDER, which `edgecnn learn` and `edgecnn train` read too. Keep makes a bundle.
    """
    from edgecnn.io.printable import open_console
    from edgecnn.teaching.buttons import parse_button
    from edgecnn.teaching.session import Teach, run_teach

    console = open_console()
    live = Live(
        camera.only("teach"), mode=camera.mode, framing=camera.framing,
        seconds=limits.seconds, frames=limits.frames,
        show=Show(view.show), listen=view.listen, upload_megapixels=view.upload_megapixels,
    )  # fmt: skip
    asked = Teach(
        folder, teaching.out, live, trunk.trunk, trunk.cut, trunk.range, teaching.mirror, teaching.review,
        classes=tuple(names or ()), buttons=tuple(map(parse_button, button or ())),
    )  # fmt: skip
    print_summary(run_teach(asked, console), console)
