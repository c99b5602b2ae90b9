"""Options that say where results are shown and kept."""

from __future__ import annotations

import os
from typing import Annotated, ClassVar

import typer

from edgecnn.cli.takes import options
from edgecnn.defaults import MAX_MEGAPIXELS
from edgecnn.errors import OptionError
from edgecnn.image.file import UPLOAD_MEGAPIXELS
from edgecnn.live.session import Show
from edgecnn.live.sink.table import parse_sink
from edgecnn.live.sink.web.listen import Listen

PortOption = Annotated[int, typer.Option(help="Port of the web page.", min=0, max=65535, metavar="N")]
HostOption = Annotated[
    str,
    typer.Option(
        help="Address at which the web page listens; 0.0.0.0 for the whole network, with a token.",
        metavar="H",
    ),
]
TokenFileOption = Annotated[
    str | None,
    typer.Option(
        help="File with the token of the web page; written if missing.",
        metavar="FILE",
        show_default="a new token",
    ),
]
UploadOption = Annotated[
    float,
    typer.Option(
        help="Largest image that can be sent to the web page, in megapixels.",
        min=0.1,
        max=MAX_MEGAPIXELS,
        metavar="MP",
    ),
]


@options
class ViewOptions:
    """Where results are shown."""

    heading: ClassVar = "View"

    show: Annotated[Show, typer.Option(help="Where results are shown.")] = Show.auto
    port: PortOption = 8080
    host: HostOption = "127.0.0.1"
    token_file: TokenFileOption = None
    upload_megapixels: UploadOption = UPLOAD_MEGAPIXELS

    @property
    def listen(self) -> Listen:
        """Where the web page listens. Raises OptionError for its options without it."""
        listen = Listen(self.host, self.port, self.token_file)
        mine = listen != Listen() or self.upload_megapixels != UPLOAD_MEGAPIXELS
        if mine and self.show is not Show.web:
            raise OptionError(
                "--host, --port, --token-file and --upload-megapixels are the web page's: add --show web"
            )
        return listen


@options
class RecordOptions:
    """Where results and frames are kept."""

    heading: ClassVar = "Output"

    jsonl: Annotated[
        str | None,
        typer.Option(help="Append each result to FILE as a line of JSON; - for stdout.", metavar="FILE"),
    ] = None
    csv: Annotated[
        str | None,
        typer.Option(help="Append each result to FILE as a row of CSV; - for stdout.", metavar="FILE"),
    ] = None
    record: Annotated[
        str | None,
        typer.Option(
            help="Record the frames as .mp4, .mkv or .avi; %Y-%m-%d and %H%M%S stand for the time.",
            metavar="FILE",
        ),
    ] = None
    overlay: Annotated[
        bool, typer.Option("--overlay/--no-overlay", help="Draw label and timing on recorded frames.")
    ] = True
    sink: Annotated[
        list[str] | None,
        typer.Option(
            help="Send each result to a sink, also one that is registered or installed; can be repeated.",
            metavar="NAME[:ARG]",
            show_default="none",
        ),
    ] = None
    save_to: Annotated[
        str, typer.Option(help="Folder for the frames that the key s saves.", metavar="FOLDER")
    ] = "."

    @property
    def sinks(self) -> tuple[str, ...]:
        """The sinks without an option of their own."""
        return tuple(self.sink or ())

    @property
    def uses_stdout(self) -> bool:
        """Whether results go to stdout."""
        return "-" in (self.jsonl, self.csv)

    def check(self) -> None:
        """Raise OptionError where two outputs are one file, or both stdout, or a sink is unknown."""
        for text in self.sinks:
            parse_sink(text)
        if self.jsonl == self.csv == "-":
            raise OptionError("--jsonl and --csv can't both go to stdout: give one of them a file")
        named: dict[str, str] = {}
        for option, path in {"--jsonl": self.jsonl, "--csv": self.csv, "--record": self.record}.items():
            if path and (other := named.setdefault(os.path.realpath(path), option)) != option:
                raise OptionError(f"{other} and {option} both name {path}: give each a file of its own")
