"""Reads a recipe from its TOML file, and keys from the command line; names the nearest key to a wrong one."""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from edgecnn.errors import RecipeError
from edgecnn.image.names import is_image_name
from edgecnn.io.nearby import did_you_mean, nearest
from edgecnn.io.regular import read_regular
from edgecnn_train.recipe import Recipe


def recipe_folders() -> list[Path]:
    """Return where shipped recipes lie: in the installed package, in the repository."""
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
            f"no {what} {name_or_path!r}: give a .toml file, a folder of pictures, or one of "
            f"{', '.join(sorted(shipped))}{meant}"
        )
    try:
        tables = tomllib.loads(_short_lines(read_regular(path, MOST_BYTES).decode("utf-8")))
    except RecursionError as error:
        raise RecipeError(f"{path} is no recipe: its values lie too deep in one another") from error
    except UnicodeDecodeError as error:
        what = "an image" if is_image_name(path) else "no text in UTF-8"
        raise RecipeError(
            f"{path} is {what}: give a recipe (a .toml file), or a folder or zip archive of photos"
        ) from error
    except ValueError as error:  # what is no TOML, or a number of thousands of digits
        raise RecipeError(f"{path} is no TOML file: {_cut(str(error))}") from error
    except OSError as error:
        raise RecipeError(
            f"{path} can't be read: {error.strerror}; expected a recipe, a .toml file"
        ) from error
    tables.setdefault("name", path.stem)
    for override in overrides or []:
        _override(tables, override)
    try:
        recipe = _build(Recipe, tables, "")
    except RecipeError as error:
        if name_or_path in shipped:
            raise
        raise RecipeError(f"{path}: {error}") from error
    assert isinstance(recipe, Recipe)  # noqa: S101 - for the type checker
    return recipe


def known_keys() -> list[str]:
    """Return every key of a recipe, with its section: `train.epochs`."""
    keys = []
    for top in dataclasses.fields(Recipe):
        section = get_type_hints(Recipe)[top.name]
        if dataclasses.is_dataclass(section):
            keys += [f"{top.name}.{f.name}" for f in dataclasses.fields(section)]
        else:
            keys.append(top.name)
    return keys


# Of a line and of a setting, in characters: the time that tomllib takes grows with the square of the parts of
# a dotted key.
_MOST_LINE, _MOST_SETTING = 1000, 10_000
# Of the file in bytes, of a list, of a whole number, and of what an error shows of a value.
MOST_BYTES, _MOST_VALUES, _MOST_NUMBER, _MOST_SHOWN = 1 << 16, 100, 2**32, 100
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _short_lines(text: str) -> str:
    """Return a text whose lines can be read in time. Raises ValueError."""
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > _MOST_LINE:
            raise ValueError(f"line {number} has more than {_MOST_LINE:,} characters")
    return text


def _override(tables: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals:
        raise RecipeError(f"--set {_short(override)}: expected key=value, such as train.epochs=3")
    if len(text) > _MOST_SETTING:
        raise RecipeError(
            f"--set {_cut(key)} has {len(text):,} characters, expected at most {_MOST_SETTING:,}"
        )
    full = [k for k in known_keys() if k == key] or [k for k in known_keys() if k.split(".")[-1] == key]
    if len(full) != 1:
        raise RecipeError(_unknown(key, full))
    section, _, last = full[0].rpartition(".")
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except RecursionError as error:
        raise RecipeError(f"--set {key}: its values lie too deep in one another") from error
    except ValueError:
        value = text
    table = tables.setdefault(section, {}) if section else tables
    if isinstance(table, dict):  # else the file is wrong itself, which is said when it is built
        table[last] = value


def _unknown(key: str, candidates: list[str]) -> str:
    key = key[:_MOST_SHOWN]
    if len(candidates) > 1:
        return f"the key {key!r} is in several sections: write {' or '.join(candidates)}"
    keys = known_keys()
    near = difflib.get_close_matches(key, keys, 1, 0.5)
    if not near:
        short = difflib.get_close_matches(
            key.rpartition(".")[2], [k.rpartition(".")[2] for k in keys], 1, 0.4
        )
        near = [k for k in keys if short and k.rpartition(".")[2] == short[0]]
    hint = f": did you mean {near[0]!r}?" if near else f": the keys are {', '.join(keys)}"
    return f"a recipe has no key {key!r}{hint}"


def _build(kind: Any, table: Any, section: str) -> Any:
    """Make the dataclass `kind` from a table, checking every key and type."""
    if not isinstance(table, dict):
        raise RecipeError(f"[{section}] must be a table of keys, got {_short(table)}")
    hints = get_type_hints(kind)
    values = {}
    for key, value in table.items():
        full = f"{section}.{key}" if section else key
        if key not in hints:
            raise RecipeError(_unknown(full, []))
        values[key] = _value(hints[key], value, full)
    return kind(**values)


def _value(hint: Any, value: Any, key: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, key)
    if get_origin(hint) is Literal:
        return _one_of(get_args(hint), value, key)
    if get_origin(hint) is tuple:
        return _list_of(get_args(hint)[0], value, key)
    if type(value) is int and abs(value) > _MOST_NUMBER:
        raise RecipeError(f"{key} is {_short(value)}, expected a number of at most {_MOST_NUMBER:,}")
    if hint is float and type(value) is int:
        value = float(value)
    if type(value) is not hint:
        raise RecipeError(f"{key} is {_short(value)}, expected {_WORDS[hint]}")
    if isinstance(value, str) and not value.isprintable():
        raise RecipeError(f"{key} is {_short(value)}, expected a text that can be printed")
    return value


def _one_of(choices: tuple[str, ...], value: Any, key: str) -> Any:
    if value not in choices:
        near = difflib.get_close_matches(_cut(value if isinstance(value, str) else ""), choices, 1, 0.5)
        did = f"; did you mean {near[0]!r}?" if near else ""
        raise RecipeError(f"{key} is {_short(value)}, expected one of {', '.join(choices)}{did}")
    return value


def _list_of(inner: Any, value: Any, key: str) -> tuple[Any, ...]:
    if not isinstance(value, list) or (inner is int and not all(type(v) is int for v in value)):
        example = "[32, 64]" if inner is int else str(list(get_args(inner))[:1])
        what = "whole numbers" if inner is int else "names"
        raise RecipeError(f"{key} is {_short(value)}, expected a list of {what} such as {example}")
    if len(value) > _MOST_VALUES:
        raise RecipeError(f"{key} has {len(value):,} values, expected at most {_MOST_VALUES}")
    return tuple(_value(inner, v, key) for v in value)


def _short(value: Any) -> str:
    """Return a value of a file as an error shows it."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, a list in lists in lists
        text = f"too long to show ({type(value).__name__})"
    return _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
