"""`edgecnn data`: what is wrong with a data set, and what the recipe's augmentation makes of it."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.cli.options import Layout, LayoutOption
from edgecnn.errors import DataError, OptionError
from edgecnn.io.json_text import to_json
from edgecnn.io.printable import echo, open_console
from edgecnn_train.training import choose, names_recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.dataset import LayoutName, Source
    from edgecnn_train.inspection.check import CheckReport
    from edgecnn_train.recipe import Recipe
    from edgecnn_train.sheet import SheetSection

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)

DataOption = Annotated[Path | None, typer.Option(help="Where the data lie.", metavar="PATH")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a key of the recipe; may be repeated.", metavar="KEY=VALUE"),
]

_WIDTH = 80
_EXAMPLES = 5
_CLASSES_SHOWN = 24
_ON_SHEET = 20


@app.callback()
def data() -> None:
    """Check a data set before training, and preview its augmentation. Neither needs TensorFlow."""


@app.command("check")
def check_data(
    source: Annotated[
        str,
        typer.Argument(
            help="A folder, zip or CSV manifest, a recipe's name, or a name in $EDGECNN_DATA.",
            metavar="FOLDER|NAME",
        ),
    ],
    data: DataOption = None,
    out: Annotated[Path | None, typer.Option(help="Write a contact sheet, PNG.", metavar="SHEET.png")] = None,
    json: Annotated[
        str | None, typer.Option(help="Write the report as JSON; - for stdout.", metavar="FILE|-")
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(help="Write a CSV manifest that keeps duplicates in one split.", metavar="FILE.csv"),
    ] = None,
    layout: LayoutOption = Layout.auto,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 on leaks, corrupt files or contradicting labels.")
    ] = False,
    settings: SetOption = None,
) -> None:
    """Report what is wrong with labelled pictures, before any training.

    Corrupt files, duplicates (across splits above all), labels that look swapped, imbalance, odd sizes.
    """
    from rich.progress import Progress

    from edgecnn.io.output import write_text
    from edgecnn_train.inspection import check as room
    from edgecnn_train.sheet import contact_sheet, write_png

    recipe, path, pictures = _open(source, data, settings or [], layout.value)
    with Progress(console=open_console(), transient=True) as progress:
        progress.disable = not progress.console.is_terminal
        task = progress.add_task("reading pictures", total=len(pictures.items))
        report = room.check(
            pictures, path, recipe,
            (lambda _: None) if progress.disable else lambda done: progress.update(task, completed=done),
            lambda step: progress.update(task, description=step, total=None),
        )  # fmt: skip
    said = list(_lines(report))
    if json is not None:
        write_text(json, to_json(report.as_dict(), indent=2) + "\n")
    if out is not None:
        sections, legend = _sections(report, pictures, recipe.train.seed)
        write_png(out, contact_sheet(sections))
        said.append(f"{out}: the contact sheet{_legend(legend)}")
    if manifest is not None:
        named = "photos" if recipe.name == "photos" else source
        text, left_out = room.manifest(report, manifest.absolute())
        write_text(str(manifest), text)
        said.append(
            f"{manifest}: the manifest"
            + (f", without {left_out} twins of pictures in other splits" if left_out else "")
            + f"\n  train with: edgecnn train {named} --data {manifest}"
        )
    if json != "-":
        echo("\n".join(said))
    if why := report.why_not(strict=strict):
        raise DataError(f"{path}: {why}")


@app.command("preview")
def preview_data(
    recipe: Annotated[
        str,
        typer.Argument(
            help="A recipe's name or file, or a folder or zip of photos.", metavar="RECIPE|FOLDER"
        ),
    ],
    data: DataOption = None,
    out: Annotated[
        Path | None, typer.Option(help="The sheet; ./NAME-preview.png if left out.", metavar="FILE.png")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Which pictures and which changes.", min=0, metavar="N")
    ] = None,
    layout: LayoutOption = Layout.auto,
    settings: SetOption = None,
) -> None:
    """Draw pictures before and after the recipe's augmentation."""
    from edgecnn.dataset import open_source
    from edgecnn_train.augment import active, mixes
    from edgecnn_train.data import find_recipe_data
    from edgecnn_train.inspection.preview import preview
    from edgecnn_train.sheet import contact_sheet, write_png

    chosen, data, name = choose(recipe, data, settings or [])
    path, _ = find_recipe_data(chosen.data, data)
    opened = open_source(path, layout.value)
    sections, legend = preview(opened, chosen, echo, chosen.train.seed if seed is None else seed)
    if not (active(chosen.augment) or mixes(chosen.augment)):
        echo("the recipe changes no picture: it has no [augment], or only zeros in it")
    target = out or Path(f"{name.removesuffix('-model')}-preview.png")
    target = write_png(target, contact_sheet(sections), new=out is None)
    echo(f"{target}: left the plain pictures as the model sees them, then changed ones{_legend(legend)}")


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


def _lines(report: CheckReport) -> Iterator[str]:
    """Write the report for people: what there is, then what was found, the worst first."""
    seen = report.seen
    yield f"{report.path}: {len(seen):,} pictures in {len(seen.labels)} classes"
    yield ""
    yield from _table(report)
    yield ""
    low, middle, high = (report.sizes()[k] for k in ("min", "median", "max"))
    yield f"sizes   {low[0]}×{low[1]} pixels"
    if low != high:
        yield f"        to {high[0]}×{high[1]}, {middle[0]}×{middle[1]} in the median"
    colored = int(seen.colored.sum())
    yield f"colour  {colored:,} in colour, {len(seen) - colored:,} grey"
    yield ""
    if not report.findings:
        yield "Nothing was found that has to be mended."
    for finding in report.findings:
        yield from _wrap(f"{finding.level.upper():8}", finding.what[0].upper() + finding.what[1:])
        for example in finding.examples[:_EXAMPLES]:
            yield from _wrap(" " * 10, example)
        if (more := len(finding.examples) - _EXAMPLES) > 0:
            yield f"          and {more:,} more (--json has them all)"
        yield from _wrap("        → ", finding.todo)
        yield ""


def _wrap(first: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False
    )


def _table(report: CheckReport) -> Iterator[str]:
    """Write the pictures of each class and split; of many classes the smallest only."""
    rows = report.counts()
    columns = [k for k in rows[0] if k != "label"]
    left_out = max(0, len(rows) - _CLASSES_SHOWN)
    if left_out:
        rows = sorted(rows, key=lambda r: r["pictures"])[:_CLASSES_SHOWN]
    wide = min(36, max(5, *(len(r["label"]) for r in rows)))
    yield "class".ljust(wide) + "".join(f"{c:>12}" for c in columns)
    for row in rows:
        yield row["label"][:wide].ljust(wide) + "".join(f"{row[c]:>12,}" for c in columns)
    if left_out:
        yield f"and {left_out} larger classes (--json has them all)"


def _sections(report: CheckReport, source: Source, seed: int) -> tuple[list[SheetSection], dict[str, str]]:
    """Choose what the contact sheet shows: some of each class, then what was found."""
    import numpy as np

    from edgecnn_train.sheet import Cell, SheetSection, drawable_labels

    seen, rng = report.seen, np.random.default_rng([seed, 500])
    names, legend = drawable_labels(seen.labels)

    def cell(places: tuple[int, ...], caption: str) -> Cell:
        return Cell(tuple(source.read(seen.items[p]) for p in places), caption)

    classes = seen.classes
    sections = []
    for k, name in list(enumerate(names))[: 2 * _CLASSES_SHOWN]:
        members = np.flatnonzero(classes == k)
        some = np.sort(rng.permutation(members)[:10]).tolist()
        sections.append(
            SheetSection(f"{name}: {len(members):,} pictures", tuple(cell((p,), "") for p in some))
        )
    looks = {s.picture: s.looks_like for s in report.votes.suspects} if report.votes else {}
    for finding in report.findings:
        cells = []
        for places in finding.pictures[:_ON_SHEET]:
            shown = places[:5]
            caption = " | ".join(names[seen.items[p].label] for p in shown)
            if finding.kind == "swapped-labels":
                caption += f" - {names[looks[shown[0]]]}?"
            elif any(seen.items[p].split for p in shown):
                caption = " | ".join(f"{names[seen.items[p].label]} ({seen.items[p].split})" for p in shown)
            cells.append(cell(shown, caption))
        if cells:
            more = f" (the first {_ON_SHEET})" if len(finding.pictures) > _ON_SHEET else ""
            sections.append(SheetSection(f"{finding.kind}{more}", tuple(cells)))
    return sections, legend


def _legend(legend: dict[str, str]) -> str:
    """Explain the labels that can't be drawn."""
    return "".join(f"\n  {number} on the sheet is {label}" for number, label in legend.items())
