"""Options of `teach` and `collect`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import typer

from edgecnn.cli.options.view import HostOption, PortOption, TokenFileOption, UploadOption
from edgecnn.cli.takes import options
from edgecnn.image.file import UPLOAD_MEGAPIXELS
from edgecnn.live.sink.web.listen import Listen

DEFAULT_FOLDER = "taught"
FolderArgument = Annotated[
    str, typer.Argument(help="Photos, a folder for each class; made if it is missing.", metavar="[FOLDER]")
]


@options
class TeachViewOptions:
    """Where it is taught."""

    heading: ClassVar = "View"

    show: Annotated[
        Literal["web", "terminal", "none"], typer.Option(help="Teach on a web page or in this terminal.")
    ] = "web"
    port: PortOption = 8080
    host: HostOption = "127.0.0.1"
    token_file: TokenFileOption = None
    upload_megapixels: UploadOption = UPLOAD_MEGAPIXELS

    @property
    def listen(self) -> Listen:
        """Where the web page listens."""
        return Listen(self.host, self.port, self.token_file)


@options
class TeachOptions:
    """How it is taught."""

    heading: ClassVar = "Teaching"

    out: Annotated[
        str | None,
        typer.Option(
            help="Bundle that Keep replaces; live --watch follows it.",
            metavar="DIR",
            show_default="FOLDER-model",
        ),
    ] = None
    mirror: Annotated[
        bool, typer.Option("--mirror/--no-mirror", help="Whether a mirrored photo shows the same class.")
    ] = True
    review: Annotated[
        int,
        typer.Option(
            help="Unsure frames to keep for labelling later, the newest; 0 for none.",
            min=0,
            max=5000,
            metavar="N",
        ),
    ] = 200
