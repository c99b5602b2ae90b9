"""`edgecnn train`: a recipe or a folder of photos in, an int8 bundle out."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from edgecnn.cli.command import command, make_app
from edgecnn.cli.options.data import LayoutOption
from edgecnn.io.output import exit_on_interrupt
from edgecnn.io.printable import echo
from edgecnn_train.options import (
    RECIPE_HELP,
    BudgetOptions,
    DataOption,
    PublishOptions,
    RecipeOptions,
)
from edgecnn_train.training import train_recipe

app = make_app()

EXAMPLES = (
    "edgecnn train photos/ --out flowers",
    "edgecnn train cifar10 --epochs 20 --set input.color=gray",
)


@command(app, examples=EXAMPLES)
def train(
    recipe: Annotated[str, typer.Argument(help=RECIPE_HELP, metavar="RECIPE|FOLDER")],
    *,
    data: DataOption = None,
    layout: LayoutOption = "auto",
    changes: RecipeOptions,
    budget: BudgetOptions,
    output: PublishOptions,
) -> None:
    """Train an int8 model from a recipe or a folder of photos.

    Ctrl-C stops it; the same command continues after the last complete epoch.
    """
    overrides, limits = changes.overrides, budget.limits
    with exit_on_interrupt("the same command continues after the last complete epoch"):
        train_recipe(
            recipe,
            data,
            output.out,
            overrides,
            layout=layout,
            robust=changes.robust,
            say=echo,
            allowed_drop=output.allow_drop,
            budget=limits,
            show="bar" if sys.stdout is not None and sys.stdout.isatty() else "lines",
            tensorboard=output.tensorboard,
        )
