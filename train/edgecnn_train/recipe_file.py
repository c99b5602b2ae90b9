"""Reads a recipe from its TOML file, and keys from the command line; suggests the nearest known key."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from edgecnn.errors import RecipeError
from edgecnn.image.names import is_image_name
from edgecnn.io.nearby import did_you_mean, nearest
from edgecnn.io.regular import read_regular
from edgecnn_train.keys import cut, no_such_key, read, short
from edgecnn_train.recipe import Recipe
from edgecnn_train.registry import REGISTRIES


def recipe_folders() -> list[Path]:
    """Return the folders of shipped recipes: in the installed package, in the repository."""
    package = Path(__file__).parent
    return [f for f in (package / "recipes", package.parent / "recipes") if f.is_dir()]


def shipped_recipes() -> dict[str, Path]:
    """Return the shipped recipes by name."""
    return {p.stem: p for f in reversed(recipe_folders()) for p in sorted(f.glob("*.toml"))}


def read_recipe(name_or_path: str, overrides: list[str] | None = None) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    name_or_path
        A TOML file, or a shipped recipe's name.
    overrides
        `key=value` texts such as `train.epochs=3`; a key without its section is enough where it is the only
        one of that name.

    Raises
    ------
    RecipeError
        The message names the key, and the nearest known one.
    """
    shipped = shipped_recipes()
    path = shipped.get(name_or_path, Path(name_or_path))
    if not os.path.exists(path):  # noqa: PTH110 - pathlib's raises where a folder may not be entered
        near = nearest(name_or_path, shipped)
        meant = f"; did you mean {near!r}?" if near else did_you_mean(name_or_path)
        what = "folder or recipe" if os.sep in name_or_path else "recipe"
        raise RecipeError(
            f"no {what} {name_or_path!r}: give a .toml file, a folder of images, or one of "
            f"{', '.join(sorted(shipped))}{meant}"
        )
    try:
        tables = tomllib.loads(_short_lines(read_regular(path, MOST_BYTES).decode("utf-8")))
    except RecursionError as error:
        raise RecipeError(f"{path} is no recipe: its values are nested too deeply") from error
    except UnicodeDecodeError as error:
        what = "an image" if is_image_name(path) else "no text in UTF-8"
        raise RecipeError(
            f"{path} is {what}: give a recipe (a .toml file), or a folder, zip archive or CSV manifest of "
            "photos"
        ) from error
    except ValueError as error:  # no TOML, or a number of thousands of digits
        raise RecipeError(f"{path} is no TOML file: {cut(str(error))}") from error
    except OSError as error:
        raise RecipeError(
            f"{path} can't be read: {error.strerror}; expected a recipe, a .toml file"
        ) from error
    tables.setdefault("name", path.stem)
    _change_trunk(tables, overrides or [])
    for override in overrides or []:
        _override(tables, override)
    try:
        return read(Recipe, tables, known_keys())
    except RecipeError as error:
        if name_or_path in shipped:
            raise
        raise RecipeError(f"{path}: {error}") from error


def known_keys() -> list[str]:
    """Return every key of a recipe, with its section: `train.epochs`."""
    keys = []
    for name, section in get_type_hints(Recipe).items():
        if dataclasses.is_dataclass(section):
            keys += [f"{name}.{f.name}" for f in dataclasses.fields(section)]
        else:
            keys.append(name)
    return keys


def choices(key: str) -> tuple[str, ...]:
    """Return the names that a recipe's key can have; none for a key of another kind.

    They are those of its registry, or of its Literal.
    """
    section, _, name = key.partition(".")
    registered = {r.key: r for r in REGISTRIES}
    hint = get_type_hints(get_type_hints(Recipe)[section])[name]
    return tuple(registered.get(key, get_args(hint) if get_origin(hint) is Literal else ()))


# The longest line and setting, in characters: the time that tomllib takes grows with the square of the parts
# of a dotted key.
_MOST_LINE, _MOST_SETTING = 1000, 10_000
MOST_BYTES = 1 << 16


def _short_lines(text: str) -> str:
    """Return a text whose lines can be read in time. Raises ValueError."""
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > _MOST_LINE:
            raise ValueError(f"line {number} has more than {_MOST_LINE:,} characters")
    return text


# Trained from a trunk, and from nothing: what a recipe gets where `model.trunk` changes between the two.
_OF_TRUNKS = {True: "photos", False: "scratch"}
_SECTIONS = ("input", "model", "train")


def _change_trunk(tables: dict[str, Any], overrides: list[str]) -> None:
    """Replace input, network and training where overrides give a recipe a trunk, or take it away.

    What trains one well ruins the other. To name a family is to take the trunk away.
    """
    keys = {override.partition("=")[0].removeprefix("model.") for override in overrides}
    changed: dict[str, Any] = {"model": {}} if "family" in keys else {}
    for override in overrides:
        if override.partition("=")[0] in ("model.trunk", "trunk"):
            _override(changed, override)
    before, after = (_has_trunk(t) for t in (tables, tables | changed))
    if before != after:
        other = tomllib.loads(shipped_recipes()[_OF_TRUNKS[after]].read_text("utf-8"))
        for name in _SECTIONS:
            tables.pop(name, None)
        tables.update({name: other[name] for name in _SECTIONS if name in other})


def _has_trunk(tables: dict[str, Any]) -> bool:
    model = tables.get("model")
    return isinstance(model, dict) and model.get("trunk", "none") != "none"


def _override(tables: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals:
        raise RecipeError(f"--set {short(override)}: expected key=value, such as train.epochs=3")
    if len(text) > _MOST_SETTING:
        raise RecipeError(
            f"--set {cut(key)} has {len(text):,} characters, expected at most {_MOST_SETTING:,}"
        )
    full = [k for k in known_keys() if k == key] or [k for k in known_keys() if k.split(".")[-1] == key]
    if len(full) != 1:
        where = f": write {' or '.join(full)}"
        raise RecipeError(
            f"the key {cut(key)!r} is in several sections{where}" if full else no_such_key(key, known_keys())
        )
    section, _, last = full[0].rpartition(".")
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except RecursionError as error:
        raise RecipeError(f"--set {key}: its values are nested too deeply") from error
    except ValueError:
        value = text
    table = tables.setdefault(section, {}) if section else tables
    if isinstance(table, dict):  # else the file is wrong itself, which the check of the whole recipe reports
        table[last] = value
