"""`edgecnn train`: a recipe or a folder of photos in, an int8 bundle out."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.cli.options import Layout, LayoutOption
from edgecnn.errors import MissingExtra, OptionError, OutputError
from edgecnn.json_text import to_json
from edgecnn.printable import echo

if TYPE_CHECKING:
    from edgecnn_train.recipe import Recipe

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
    chosen, data, name = choose(recipe, data, overrides)
    chosen = chosen.robustly() if robust else chosen
    _require_extra()
    if chosen.private.enabled:
        from edgecnn_train.accounting import refuse

        refuse(chosen)
    if tensorboard:
        _check_logs(tensorboard)
    from edgecnn.bundle import find
    from edgecnn.dataset import open_source
    from edgecnn.quiet import quiet_stderr
    from edgecnn_train.data import find_recipe_data
    from edgecnn_train.publish import check_target
    from edgecnn_train.work import work_folder

    # What can be wrong is found before TensorFlow takes its ten seconds to start.
    target = (out or Path(name)).absolute()
    check_target(target)
    for trained in (*chosen.train.teachers, chosen.train.start):
        if trained and not trained.endswith(".keras"):
            find(trained)
    path, spec = find_recipe_data(chosen.data, data)
    written = [target, work_folder(target), *([tensorboard] if tensorboard else [])]
    source = open_source(path, layout.value, written)
    try:
        with quiet_stderr():  # TensorFlow greets on stderr, whatever its log level
            from edgecnn_train.cost import Budget
            from edgecnn_train.pipeline import train as run

        run(
            replace(chosen, data=spec),
            source,
            target,
            echo,
            allowed_drop=allow_drop,
            budget=Budget(budget_kb or 0, budget_mmacs or 0, budget_ms or 0),
            show="bar" if sys.stdout.isatty() else "lines",
            tensorboard=tensorboard,
        )
    except KeyboardInterrupt:
        echo("\nstopped; the same command goes on after the last whole epoch", err=True)
        raise typer.Exit(130) from None


def choose(text: str, data: Path | None, overrides: list[str]) -> tuple[Recipe, Path | None, str]:
    """Tell a recipe from a folder of photos; see `names_recipe`.

    Returns the recipe, where the user says that the data lie, and what the bundle is called by default.
    """
    from edgecnn.dataset import data_name
    from edgecnn_train.recipe_file import read_recipe

    path = Path(text)
    if names_recipe(text, data) or not (_is_folder(text) or path.suffix.lower() == ".zip"):
        chosen = read_recipe(text, overrides)
        return chosen, data, chosen.name
    if data is not None:
        raise OptionError(f"{text} is a folder of photos itself: leave --data out, or name a recipe")
    name = re.sub(r"[^\w-]+", "-", data_name(path)).strip("-").lower() or "photos"
    return read_recipe("photos", overrides), path, f"{name}-model"


def names_recipe(text: str, data: Path | None) -> bool:
    """Whether a text is a shipped recipe's name, also where a folder is called so.

    The recipe `photos` has no data of its own, so without other data a folder called `photos` is meant.
    """
    from edgecnn_train.recipe_file import shipped_recipes

    return text in shipped_recipes() and not (text == "photos" and data is None and _is_folder(text))


def _is_folder(text: str) -> bool:
    return os.path.isdir(text)  # noqa: PTH112 - pathlib's raises where a folder may not be entered


def _adopted(start: str) -> list[str]:
    from edgecnn_train.adopt import adopted

    return adopted(start)


def _require_extra() -> None:
    missing = [m for m in ("keras", "tensorflow", "matplotlib") if importlib.util.find_spec(m) is None]
    if missing:
        raise MissingExtra(
            f"training needs {', '.join(missing)}: pip install 'edgecnn[train]' "
            "(in a clone of the project: pip install '.[train]')"
        )
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise OptionError(
            f"KERAS_BACKEND is {backend!r}, expected 'tensorflow', the one that converts to int8: unset it"
        )


def _check_logs(folder: Path) -> None:
    """Raise MissingExtra or OutputError where no logs for TensorBoard can be written there."""
    # TensorFlow 2.21 does not bring it along, and Keras' callback fails without it at the first epoch's end.
    if importlib.util.find_spec("tensorboard") is None:
        raise MissingExtra(
            "--tensorboard needs tensorboard: pip install 'edgecnn[tensorboard]' "
            "(in a clone of the project: pip install '.[train,tensorboard]')"
        )
    made = [p for p in (folder, *folder.parents) if not os.path.lexists(p)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # An empty folder would be a class without images, where it lies among the data.
        for path in made:
            path.rmdir()
    except OSError as error:
        raise OutputError(f"no logs can be written to {folder}: {error.strerror}") from error
