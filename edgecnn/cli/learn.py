"""`edgecnn learn`: a few photos of each class in, an int8 bundle out, in seconds and without TensorFlow."""

from __future__ import annotations

from typing import Annotated

import typer

from edgecnn.cli.command import command, make_app
from edgecnn.cli.options.data import DATA_HELP, HEADING, LayoutOption
from edgecnn.cli.options.output import AllowDropOption
from edgecnn.cli.options.trunk import TrunkOptions
from edgecnn.io.output import exit_on_interrupt
from edgecnn.io.printable import echo

app = make_app()

EXAMPLES = (
    "edgecnn learn photos/",
    "edgecnn learn photos/ --negatives other-things/ --out my-tools",
)


@command(app, examples=EXAMPLES)
def learn(
    data: Annotated[str, typer.Argument(help=f"Photos, sorted by class: a {DATA_HELP}.", metavar="FOLDER")],
    *,
    negatives: Annotated[
        str | None,
        typer.Option(
            help="Folder of photos of other things, to be unknown.", metavar="FOLDER", rich_help_panel=HEADING
        ),
    ] = None,
    flip: Annotated[
        bool,
        typer.Option(
            "--flip/--no-flip", help="Whether a mirrored photo shows the same class.", rich_help_panel=HEADING
        ),
    ] = True,
    layout: LayoutOption = "auto",
    trunk: TrunkOptions,
    seed: Annotated[
        int, typer.Option(help="Random seed of folds.", min=0, metavar="N", rich_help_panel="Output")
    ] = 0,
    allow_drop: AllowDropOption = 1.0,
    out: Annotated[
        str | None,
        typer.Option(
            help="Folder of the bundle.", metavar="DIR", show_default="./NAME-model", rich_help_panel="Output"
        ),
    ] = None,
) -> None:
    """Learn from a few photos of each class, in seconds: the result is a bundle as `train` makes it.

    A network that knows the world turns each photo into an embedding, once; a small head learns from these.
    """
    from pathlib import Path

    from edgecnn.bundle.input_spec import Given
    from edgecnn.cli.learn_print import photo_progress
    from edgecnn.learning.request import Request
    from edgecnn.learning.session import learn_bundle

    given = Given(value_range=trunk.range)
    with exit_on_interrupt("photos that were embedded before are kept"), photo_progress() as progress:
        request = Request(
            trunk.trunk,
            trunk.cut,
            given,
            None if negatives is None else Path(negatives),
            flip,
            seed,
            layout,
            allow_drop,
            say=echo,
            progress=progress,
        )
        learn_bundle(data, None if out is None else Path(out), request)
