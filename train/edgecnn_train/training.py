"""Starts a training, for the command line and for Python.

Mistakes are found before TensorFlow, which takes ten seconds to start.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.errors import MissingExtra, OptionError, OutputError
from edgecnn.io.json_text import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edgecnn.bundle.bundle import Bundle
    from edgecnn.dataset import LayoutName
    from edgecnn_train.progress import Show
    from edgecnn_train.recipe import Recipe


def train(
    recipe: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    *,
    epochs: int | None = None,
    seed: int | None = None,
    settings: Mapping[str, object] | None = None,
    layout: LayoutName = "auto",
    robust: bool = False,
    allowed_drop: float = 1.0,
    say: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Train an int8 model and return its bundle, as `edgecnn train` does.

    Checkpoints are in `<out>.training` until the bundle is written; the same call continues from them.

    Parameters
    ----------
    recipe
        A recipe's name or file, or a folder, zip or CSV manifest of photos.
    data
        The path of a recipe's dataset; None for its name in $EDGECNN_DATA.
    out
        The bundle's folder; for None `./NAME` for a recipe and `./NAME-model` for photos.
    epochs, seed
        The recipe's own for None.
    settings
        Other keys of the recipe, such as `{"input.width": 64, "input.height": 64}`.
    layout
        What the folders of the data are: `splits` with classes inside, `classes`, or `auto`.
    robust
        Whether to train for poor images too.
    allowed_drop
        How many points int8 may lose against float32.
    say
        Called with each line of progress, such as `print`.

    Raises
    ------
    MissingExtra
        Where the extra `train` is not installed.
    RecipeError, DataError, OutputError, GateError, OptionError
        Each with one clear line.
    """
    chosen: dict[str, object] = dict(settings or {})
    chosen |= {} if epochs is None else {"train.epochs": epochs}
    chosen |= {} if seed is None else {"train.seed": seed}
    overrides = [
        f"{key}={value if isinstance(value, str) else to_json(value)}" for key, value in chosen.items()
    ]
    where = None if data is None else Path(data)
    target = None if out is None else Path(out)
    return train_recipe(
        os.fspath(recipe),
        where,
        target,
        overrides,
        layout=layout,
        robust=robust,
        say=say,
        allowed_drop=allowed_drop,
    )


def train_recipe(
    text: str,
    data: Path | None,
    out: Path | None,
    overrides: list[str],
    *,
    robust: bool,
    say: Callable[[str], None],
    allowed_drop: float,
    layout: LayoutName = "auto",
    budget: tuple[float, float, float] = (0, 0, 0),
    show: Show = "lines",
    tensorboard: Path | None = None,
) -> Bundle:
    """Train what a user names, with `KEY=VALUE` overrides; `budget` is in KB, million MACs and ms.

    The rest is `pipeline.train`'s.
    """
    given = data
    chosen, data, name = choose(text, data, overrides)
    chosen = chosen.robustly() if robust else chosen
    require_extra()
    if chosen.private.enabled:
        from edgecnn_train.accounting import refuse

        refuse(chosen)
    if tensorboard:
        check_logs(tensorboard)
    from edgecnn.bundle.bundle import find
    from edgecnn.dataset import open_source
    from edgecnn.io.quiet import quiet_stderr
    from edgecnn_train.data import find_recipe_data
    from edgecnn_train.publish import check_target
    from edgecnn_train.work import work_folder

    target = (out or Path(name)).absolute()
    check_target(target)
    if data != given:
        say(f"`edgecnn learn {text}` makes a model of these photos in seconds; training it takes longer")
    for trained in (*chosen.train.teachers, chosen.train.start):
        if trained and not trained.endswith(".keras"):
            find(trained)
    path, spec = find_recipe_data(chosen.data, data)
    written = [target, work_folder(target), *([tensorboard] if tensorboard else [])]
    source = open_source(path, layout, written)
    with quiet_stderr():  # TensorFlow greets on stderr, whatever its log level
        from edgecnn_train.cost import Budget
        from edgecnn_train.pipeline import train as run

    return run(
        replace(chosen, data=spec),
        source,
        target,
        say,
        allowed_drop=allowed_drop,
        budget=Budget(*budget),
        show=show,
        tensorboard=tensorboard,
    )


def choose(text: str, data: Path | None, overrides: list[str]) -> tuple[Recipe, Path | None, str]:
    """Distinguish a recipe from photos: a folder, zip or CSV manifest; see `names_recipe`.

    Returns the recipe, the path of the data if it was given, and the default name of the bundle.
    """
    from edgecnn.dataset import DATA_SUFFIXES, default_name
    from edgecnn_train.recipe_file import read_recipe

    path = Path(text)
    if names_recipe(text, data) or not (_is_folder(text) or path.suffix.lower() in DATA_SUFFIXES):
        chosen = read_recipe(text, overrides)
        return chosen, data, chosen.name
    if data is not None:
        kind = "folder" if _is_folder(text) else path.suffix.lower().lstrip(".").upper()
        raise OptionError(f"{text} is a {kind} of photos itself: leave --data out, or name a recipe")
    return read_recipe("photos", overrides), path, default_name(path)


def names_recipe(text: str, data: Path | None) -> bool:
    """Whether a text is a shipped recipe's name, even if a folder has the same name.

    The recipe `photos` has no data of its own, so without other data a folder called `photos` is meant.
    """
    from edgecnn_train.recipe_file import shipped_recipes

    return text in shipped_recipes() and not (text == "photos" and data is None and _is_folder(text))


def _is_folder(text: str) -> bool:
    return os.path.isdir(text)  # noqa: PTH112 - pathlib's raises where a folder may not be entered


def require_extra() -> None:
    """Raise MissingExtra without the extra `train`, OptionError where Keras is to use another backend."""
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


def _other_than_logs(folder: Path) -> str | None:
    """Return the name of a file below a folder that TensorBoard's callback did not write."""
    for _, _, names in os.walk(folder):
        if other := next((name for name in names if not name.startswith(("events.out.", "."))), None):
            return other
    return None


def check_logs(folder: Path) -> None:
    """Raise MissingExtra or OutputError where no logs for TensorBoard can be written there."""
    # TensorFlow 2.21 does not bring it along, and Keras' callback fails without it at the first epoch's end.
    if importlib.util.find_spec("tensorboard") is None:
        raise MissingExtra(
            "--tensorboard needs tensorboard: pip install 'edgecnn[tensorboard]' "
            "(in a clone of the project: pip install '.[train,tensorboard]')"
        )
    made = [p for p in (folder, *folder.parents) if not os.path.lexists(p)]
    if other := _other_than_logs(folder):
        raise OutputError(
            f"--tensorboard {folder} holds {other}, which is not a log: name an empty or a new folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # An empty folder would be a class without images, if it is inside the dataset.
        for path in made:
            path.rmdir()
    except OSError as error:
        raise OutputError(f"no logs can be written to {folder}: {error.strerror}") from error
