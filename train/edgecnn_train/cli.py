"""`edgecnn train`: a recipe or a folder of photos in, an int8 bundle out."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - Typer reads it
from typing import Annotated

import typer

from edgecnn.cli.options import Layout, LayoutOption
from edgecnn.errors import OptionError
from edgecnn.io.json_text import to_json
from edgecnn.io.output import exit_on_interrupt
from edgecnn.io.printable import echo
from edgecnn_train.training import train_recipe

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def train(
    recipe: Annotated[
        str,
        typer.Argument(
            help="A recipe's name or file, or a folder or zip of photos.", metavar="RECIPE|FOLDER"
        ),
    ],
    data: Annotated[Path | None, typer.Option(help="Where the data lie.", metavar="PATH")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The bundle's folder; ./NAME if left out.", metavar="DIR")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="How many epochs.", min=1, metavar="N")] = None,
    seed: Annotated[int | None, typer.Option(help="What all chance comes from.", min=0, metavar="N")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a key of the recipe; may be repeated.", metavar="KEY=VALUE"),
    ] = None,
    robust: Annotated[
        bool, typer.Option("--robust", help="Train for poor images too: the recipe's [robust] changes.")
    ] = False,
    teachers: Annotated[
        list[str] | None,
        typer.Option(
            "--teacher",
            help="Learn from its answers too; may be repeated.",
            metavar="BUNDLE|KERAS",
        ),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Start from this bundle's weights.", metavar="BUNDLE")
    ] = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Take family, filters and colour from the bundle of --from too.")
    ] = False,
    budget_kb: Annotated[
        float | None, typer.Option(help="The widest network of at most this many KB.", metavar="KB")
    ] = None,
    budget_mmacs: Annotated[
        float | None, typer.Option(help="… of so many million multiplications.", metavar="N")
    ] = None,
    budget_ms: Annotated[
        float | None, typer.Option(help="… of so many milliseconds on this machine.", metavar="MS")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Differentially private: the recipe's [private].")
    ] = False,
    layout: LayoutOption = Layout.auto,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Write logs for TensorBoard there.", metavar="DIR")
    ] = None,
    allow_drop: Annotated[
        float,
        typer.Option(help="Publish though int8 loses this many points.", min=0, max=100, metavar="POINTS"),
    ] = 1.0,
) -> None:
    """Train an int8 model from a recipe or a folder of photos.

    Ctrl-C stops it; the same command goes on after the last whole epoch.
    """
    if adopt and not start:
        raise OptionError("--adopt takes its settings from the bundle of --from BUNDLE: name one")
    overrides = [*(_adopted(start) if adopt and start else []), *(settings or [])]
    overrides += [f"train.epochs={epochs}"] if epochs is not None else []
    overrides += [f"train.seed={seed}"] if seed is not None else []
    overrides += [f"train.teachers={to_json(teachers)}"] if teachers else []
    overrides += [f"train.start={to_json(start)}"] if start else []
    overrides += ["private.enabled=true"] if private else []
    for option, limit in (("kb", budget_kb), ("mmacs", budget_mmacs), ("ms", budget_ms)):
        if limit is not None and not limit > 0:
            raise OptionError(f"--budget-{option} must be above 0, got {limit:g}")
    with exit_on_interrupt("the same command goes on after the last whole epoch"):
        train_recipe(
            recipe,
            data,
            out,
            overrides,
            layout=layout.value,
            robust=robust,
            say=echo,
            allowed_drop=allow_drop,
            budget=(budget_kb or 0, budget_mmacs or 0, budget_ms or 0),
            show="bar" if sys.stdout is not None and sys.stdout.isatty() else "lines",
            tensorboard=tensorboard,
        )


def _adopted(start: str) -> list[str]:
    from edgecnn_train.adopt import adopted

    return adopted(start)
