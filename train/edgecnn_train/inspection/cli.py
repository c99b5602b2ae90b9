"""`edgecnn data`: check a dataset before training, and preview the recipe's augmentation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.cli.command import command, make_app
from edgecnn.cli.options.data import LayoutOption
from edgecnn.cli.outputs import check_outputs
from edgecnn.errors import DataError, OptionError
from edgecnn.io.json_text import to_json
from edgecnn.io.printable import echo, open_console
from edgecnn_train.options import RECIPE_HELP, DataOption, SetOption
from edgecnn_train.training import choose, names_recipe

if TYPE_CHECKING:
    from edgecnn.dataset import LayoutName, Source
    from edgecnn_train.recipe import Recipe

app = make_app("edgecnn data check photos/", "edgecnn data preview photos/", no_args_is_help=True)

CHECK_EXAMPLES = (
    "edgecnn data check photos/ --out sheet.png",
    "edgecnn data check photos.zip --manifest photos.csv --strict",
)
PREVIEW_EXAMPLES = (
    "edgecnn data preview photos/ --out preview.png",
    "edgecnn data preview photos/ --set augment.flip=true --seed 1",
)


@app.callback()
def data() -> None:
    """Check a dataset before training, and preview its augmentation. Neither needs TensorFlow."""


@command(app, "check", examples=CHECK_EXAMPLES)
def check_data(
    source: Annotated[
        str,
        typer.Argument(
            help="A folder, zip or CSV manifest, the name of a recipe, or a name in $EDGECNN_DATA.",
            metavar="FOLDER|NAME",
        ),
    ],
    *,
    data: DataOption = None,
    layout: LayoutOption = "auto",
    settings: SetOption = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Draw a contact sheet.", metavar="SHEET.png", rich_help_panel="Output"),
    ] = None,
    json: Annotated[
        str | None,
        typer.Option(
            help="Write the report as JSON; - for stdout.", metavar="FILE|-", rich_help_panel="Output"
        ),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            help="Write a CSV manifest that keeps duplicates in one split.",
            metavar="FILE.csv",
            rich_help_panel="Output",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit with 1 on leaks, corrupt files or contradicting labels.",
            rich_help_panel="Output",
        ),
    ] = False,
) -> None:
    """Report what is wrong with labelled images, before any training.

    It finds corrupt files, duplicates (above all across splits), labels that look swapped, imbalance and odd
    sizes.
    """
    from rich.progress import Progress

    from edgecnn.io.output import write_text
    from edgecnn_train.inspection import check as room
    from edgecnn_train.inspection.contact import choose_sections
    from edgecnn_train.inspection.text import report_lines
    from edgecnn_train.sheet import contact_sheet, write_png

    files = {"--json": json, "--out": out, "--manifest": manifest}
    check_outputs({option: None if file is None else str(file) for option, file in files.items()})
    recipe, path, images = _open(source, data, settings or [], layout)
    with Progress(console=open_console(), transient=True) as progress:
        progress.disable = not progress.console.is_terminal
        task = progress.add_task("reading images", total=len(images.items))
        report = room.check(
            images, path, recipe,
            (lambda _: None) if progress.disable else lambda done: progress.update(task, completed=done),
            lambda step: progress.update(task, description=step, total=None),
        )  # fmt: skip
    said = list(report_lines(report))
    if json is not None:
        write_text(json, to_json(report.as_dict(), indent=2) + "\n")
    if out is not None:
        sections, legend = choose_sections(report, images, recipe.train.seed)
        write_png(out, contact_sheet(sections))
        said.append(f"{out}: the contact sheet{_legend(legend)}")
    if manifest is not None:
        named = "photos" if recipe.name == "photos" else source
        text, left_out = room.manifest(report, manifest.absolute())
        write_text(str(manifest), text)
        said.append(
            f"{manifest}: the manifest"
            + (f", without {left_out} twins of images in other splits" if left_out else "")
            + f"\n  train with: edgecnn train {named} --data {manifest}"
        )
    if json != "-":
        echo("\n".join(said))
    if why := report.why_not(strict=strict):
        raise DataError(f"{path}: {why}")


@command(app, "preview", examples=PREVIEW_EXAMPLES)
def preview_data(
    recipe: Annotated[str, typer.Argument(help=RECIPE_HELP, metavar="RECIPE|FOLDER")],
    *,
    data: DataOption = None,
    layout: LayoutOption = "auto",
    settings: SetOption = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Random seed for images and changes.",
            min=0,
            metavar="N",
            show_default="the recipe's",
            rich_help_panel="Recipe",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File of the sheet.",
            metavar="FILE.png",
            show_default="./NAME-preview.png",
            rich_help_panel="Output",
        ),
    ] = None,
) -> None:
    """Draw images before and after the recipe's augmentation."""
    from edgecnn.dataset import open_source
    from edgecnn_train.augment import active, mixes
    from edgecnn_train.data import find_recipe_data
    from edgecnn_train.inspection.preview import preview
    from edgecnn_train.sheet import contact_sheet, write_png

    chosen, data, name = choose(recipe, data, settings or [])
    path, _ = find_recipe_data(chosen.data, data)
    opened = open_source(path, layout)
    sections, legend = preview(opened, chosen, echo, chosen.train.seed if seed is None else seed)
    if not (active(chosen.augment) or mixes(chosen.augment)):
        echo("the recipe changes no image: it has no [augment], or only zeros in it")
    target = out or Path(f"{name.removesuffix('-model')}-preview.png")
    target = write_png(target, contact_sheet(sections), new=out is None)
    echo(f"{target}: left the plain images as the model sees them, then changed ones{_legend(legend)}")


def _open(
    text: str, data: Path | None, overrides: list[str], layout: LayoutName
) -> tuple[Recipe, Path, Source]:
    """Find the data: of a recipe, at a path, or by their name in $EDGECNN_DATA."""
    from edgecnn.dataset import left_out, locate, open_source
    from edgecnn.io.quiet import say
    from edgecnn_train.data import find_recipe_data
    from edgecnn_train.recipe_file import read_recipe

    if names_recipe(text, data) or Path(text).suffix.lower() == ".toml":
        recipe, data, _ = choose(text, data, overrides)
        path, _ = find_recipe_data(recipe.data, data)
    else:
        if data is not None:
            raise OptionError(f"{text} names the data itself: leave --data out, or name a recipe")
        recipe = read_recipe("photos", overrides)
        path = locate(text)
    opened = open_source(path, layout)
    for note in left_out(opened):
        say(note)
    return recipe, path, opened


def _legend(legend: dict[str, str]) -> str:
    """Explain the labels that can't be drawn."""
    return "".join(f"\n  {number} on the sheet is {label}" for number, label in legend.items())
