"""Options of `edgecnn train` and `edgecnn data`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from edgecnn.cli.options.data import HEADING
from edgecnn.cli.options.output import AllowDropOption
from edgecnn.cli.takes import options
from edgecnn.errors import OptionError
from edgecnn.io.json_text import to_json

RECIPE_HELP = "Name or file of a recipe, or a folder, zip or CSV manifest of photos."
DATA_HELP = "Folder, zip, CSV or IDX folder with the labelled images."

DataOption = Annotated[
    Path | None,
    typer.Option(
        help=DATA_HELP,
        metavar="PATH",
        show_default="the recipe's, in $EDGECNN_DATA",
        rich_help_panel=HEADING,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Change a key of the recipe; can be repeated.",
        metavar="KEY=VALUE",
        rich_help_panel="Recipe",
    ),
]


class ProcessorKind(StrEnum):
    """A processor whose int8 kernels need something of the network."""

    avx2 = "avx2"
    vnni = "vnni"


# What it changes of a recipe. Arm's cores without dot product were never here to be measured.
_FOR = {
    ProcessorKind.avx2: ["quantize.weight_bits=7"],
    ProcessorKind.vnni: ["quantize.weight_bits=8"],
}


@options
class RecipeOptions:
    """Changes to the recipe."""

    heading: ClassVar = "Recipe"

    epochs: Annotated[
        int | None,
        typer.Option(help="Number of epochs.", min=1, metavar="N", show_default="the recipe's"),
    ] = None
    seed: Annotated[
        int | None, typer.Option(help="Random seed.", min=0, metavar="N", show_default="the recipe's")
    ] = None
    settings: SetOption = None
    robust: Annotated[
        bool,
        typer.Option(
            "--robust", help="Also train for poor light, lenses and sensors, by the recipe's [robust]."
        ),
    ] = False
    trunk: Annotated[
        str | None,
        typer.Option(
            help="Start from a trained network: efficientnet_lite0, mobilenet_v2 or none.",
            metavar="NAME",
            show_default="the recipe's; efficientnet_lite0 for photos",
        ),
    ] = None
    processor: Annotated[
        ProcessorKind | None,
        typer.Option(
            "--for", help="Fit int8 to x86 with or without VNNI.", show_default="the recipe's weights"
        ),
    ] = None
    private: Annotated[
        bool,
        typer.Option("--private", help="Train with differential privacy, by the recipe's [private]."),
    ] = False
    teachers: Annotated[
        list[str] | None,
        typer.Option(
            "--teacher",
            help="Learn from the answers of this model too; can be repeated.",
            metavar="BUNDLE|KERAS",
        ),
    ] = None
    start: Annotated[
        str | None,
        typer.Option("--from", help="Start from the weights of this bundle.", metavar="BUNDLE"),
    ] = None
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="Take family, filters and color from the bundle of --from."),
    ] = False

    @property
    def overrides(self) -> list[str]:
        """The changes as KEY=VALUE, in the order in which they apply. Raises OptionError."""
        if self.adopt and not self.start:
            raise OptionError("--adopt takes its settings from the bundle of --from BUNDLE: name one")
        found = [f"model.trunk={to_json(self.trunk)}"] if self.trunk is not None else []
        found += [*(_adopted(self.start) if self.adopt and self.start else [])]
        found += _FOR[self.processor] if self.processor is not None else []
        found += self.settings or []
        found += [f"train.epochs={self.epochs}"] if self.epochs is not None else []
        found += [f"train.seed={self.seed}"] if self.seed is not None else []
        found += [f"train.teachers={to_json(self.teachers)}"] if self.teachers else []
        found += [f"train.start={to_json(self.start)}"] if self.start else []
        # Of a trunk, the head alone: what it knew before needs no protection.
        found += ["train.fixed=1.0", "private.enabled=true"] if self.private else []
        return found


@options
class BudgetOptions:
    """Limits of the network; the widest one within them is trained."""

    heading: ClassVar = "Budget"

    budget_kb: Annotated[
        float | None,
        typer.Option(
            help="Train the widest network of at most so many KB.", metavar="KB", show_default="no limit"
        ),
    ] = None
    budget_mmacs: Annotated[
        float | None,
        typer.Option(
            help="Train the widest network of at most so many million multiplications.",
            metavar="N",
            show_default="no limit",
        ),
    ] = None
    budget_ms: Annotated[
        float | None,
        typer.Option(
            help="Train the widest network of at most so many milliseconds on this machine.",
            metavar="MS",
            show_default="no limit",
        ),
    ] = None

    @property
    def limits(self) -> tuple[float, float, float]:
        """KB, million multiplications and ms; 0 for no limit. Raises OptionError."""
        for option, limit in (("kb", self.budget_kb), ("mmacs", self.budget_mmacs), ("ms", self.budget_ms)):
            if limit is not None and not limit > 0:
                raise OptionError(f"--budget-{option} must be above 0, got {limit:g}")
        return self.budget_kb or 0, self.budget_mmacs or 0, self.budget_ms or 0


@options
class PublishOptions:
    """What is written, and when it is not."""

    heading: ClassVar = "Output"

    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the bundle.", metavar="DIR", show_default="./NAME; ./NAME-model for photos"
        ),
    ] = None
    tensorboard: Annotated[
        Path | None, typer.Option(help="Folder for logs that TensorBoard shows.", metavar="DIR")
    ] = None
    allow_drop: AllowDropOption = 1.0


def _adopted(start: str) -> list[str]:
    from edgecnn_train.adopt import adopted

    return adopted(start)
